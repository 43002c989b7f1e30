"""The page's section on scale. Pure: nothing here runs or reads anything."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from benchmarks import pages
from benchmarks.scale.assumptions import WORDS
from benchmarks.scale.measurements import MOST_BYTES, MOST_SECONDS, Break, Case, Ceiling, Scale, Summary, Taken

_WIDTH = 120
_PASSES = {"default": "as it is set", "set": "when set otherwise", "no": "**no**"}
_KINDS = {"default": "default", "bound": "**bound**", "slower": "slower"}

_TEXT = """\
## Scale

Nights of job 1 and job 2 on paper, and the summary of the largest one for real. The paper is made of what was measured
(one push task: {records_per_second:,.0f} requests/s at {latency_ms:g} ms and {cpu_seconds_per_10_000:.2f} CPU seconds
for 10,000 records; job 1: {score_seconds_1m:.1f} s for a million rows, {score_seconds_10m:.1f} s for ten), of what the
jobs' own code came to over {rows:,} rows (bytes: a score {score_row:.0f}, a line of the ledger {ledger_line:.0f}, a row
of the snapshot {snapshot_row:.0f}; rows a second: planned {planned_rows:,.0f}, told the outcome of and taken into the
snapshot {told_rows:,.0f}, written to `failed.csv` {open_rows:,.0f}), of the product's own constants, and of these
assumptions:

{assumptions}

{cases}

*Passes* tells whether the product lets such a night pass: as it is set by default, with settings and parameters that
can be set otherwise, or not at all.

What a night leaves in S3, and what of it grows in the memory of job 1's driver:

{left_behind}

The ledger of a night is kept for {responses_days} days; *a month* is what all of them together cost. It lies in the
more objects the slower a task sends, for it is written every {flush_seconds:g} s at the latest:

{requests}

*Sent again* is the most that a killed job may send twice.

### Where the design ends

The most users that each element takes, at each limit of the CRM:

{breaks}

The rate has ceilings of its own, in requests/s, whatever the number of users:

{ceilings}

### The summary of {summarized:,} records

`summarize_responses` itself, in a process of its own, over {tasks} aggregates (the setting takes {most_push_tasks} push
tasks) of a night at {limit:,} requests/s: {hours:.1f} hours, {aggregate_bytes}, {counted_seconds:,} counts by second.
S3 is a stand-in on the same machine, and the ledger, whose names would be listed too, is left out.

{summary}

Wanted:

{wishes}
"""


def section(found: Scale) -> str:
    """The section, with all its tables."""
    summary, cases = found["summary"], found["cases"]
    price = f"A DPU-hour costs {found['product']['dpu_hour_usd']:g} US$, the default of the setting `dpu_hour_usd`."
    return _filled(
        _TEXT.format(
            **found["measured"],
            **found["samples"],
            responses_days=found["product"]["responses_days"],
            flush_seconds=found["product"]["flush_seconds"],
            assumptions=_list([price, *WORDS]),
            cases=_cases(cases),
            left_behind=_left_behind([case for case in cases if case["limit"] == cases[0]["limit"]]),
            requests=_requests(cases),
            breaks=_breaks(found["breaks"], found["crm_limits"]),
            ceilings=_ceilings(found["ceilings"]),
            summarized=summary["users"],
            tasks=summary["tasks"],
            most_push_tasks=found["product"]["most_push_tasks"],
            limit=summary["limit"],
            hours=summary["users"] / summary["limit"] / 3600,
            aggregate_bytes=size(summary["aggregate_bytes"]),
            counted_seconds=summary["counted_seconds"],
            summary=_summary(summary),
            wishes="\n".join(wishes(summary)),
        )
    )


def wishes(summary: Summary) -> list[str]:
    """What was wanted of the summary, and whether it was met."""
    what, whole = f"summary of {summary['users']:,} records, imports included,", summary["whole"]
    return [
        pages.wish(what, [whole["seconds"]], "{:.1f} s".format, most=MOST_SECONDS),
        pages.wish(what, [whole["bytes"] / 1e6], "{:,.0f} MB".format, most=MOST_BYTES / 1e6),
    ]


def _cases(cases: Iterable[Case]) -> str:
    return pages.table(
        ("users", "limit, requests/s", "push tasks", "workers", "job 1", "job 2", "both", "Glue, US$", "passes"),
        [
            (
                f"{case['users']:,}",
                f"{case['limit']:,}",
                f"{case['tasks']}",
                f"{case['workers']}",
                span(case["score_seconds"]),
                span(case["push_seconds"]),
                span(case["seconds"]),
                f"{case['glue_usd']:,.2f}",
                _PASSES[case["passes"]],
            )
            for case in cases
        ],
    )


def _left_behind(cases: Iterable[Case]) -> str:
    return pages.table(
        ("users", "scores", "their files", "their manifest", "snapshot", "ledger", "a month, US$", "driver of job 1"),
        [
            (
                f"{case['users']:,}",
                size(case["score_bytes"]),
                f"{case['score_files']:,}",
                size(case["manifest_bytes"]),
                size(case["snapshot_bytes"]),
                size(case["ledger_bytes"]),
                f"{case['ledger_month_usd']:,.2f}",
                size(case["score_driver_bytes"]),
            )
            for case in cases
        ],
    )


def _requests(cases: Iterable[Case]) -> str:
    return pages.table(
        ("users", "limit, requests/s", "objects", "S3 writes", "S3 reads", "S3, US$", "driver of job 2", "sent again"),
        [
            (
                f"{case['users']:,}",
                f"{case['limit']:,}",
                f"{case['ledger_objects']:,}",
                f"{case['s3_writes']:,}",
                f"{case['s3_reads']:,}",
                f"{case['s3_usd']:,.2f}",
                size(case["push_driver_bytes"]),
                f"{case['sent_twice']:,}",
            )
            for case in cases
        ],
    )


def _breaks(breaks: Iterable[Break], crm_limits: Iterable[int]) -> str:
    return pages.table(
        ("element", "ends at", "kind", *(f"users at {limit:,}/s" for limit in crm_limits), "beyond it"),
        [
            (
                each["element"],
                each["threshold"],
                _KINDS[each["kind"]],
                *("any" if users is None else millions(users) for users in each["users"]),
                each["beyond"],
            )
            for each in breaks
        ],
    )


def _ceilings(ceilings: Iterable[Ceiling]) -> str:
    return pages.table(
        ("element", "one task", "as it is set", "at most"),
        [
            (
                each["element"],
                "" if each["task"] is None else f"{each['task']:,.0f}",
                f"{each['by_default']:,.0f}",
                f"{each['at_most']:,.0f}",
            )
            for each in ceilings
        ],
    )


def _summary(summary: Summary) -> str:
    imports, whole = summary["imports"], summary["whole"]
    own = Taken(seconds=whole["seconds"] - imports["seconds"], bytes=whole["bytes"] - imports["bytes"])
    lines = (("imports", imports), ("the summary", own), ("all in all", whole))
    return pages.table(
        ("what", "wall, s", "peak memory, MB"),
        [(what, f"{taken['seconds']:.1f}", f"{taken['bytes'] / 1e6:,.0f}") for what, taken in lines],
    )


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(textwrap.fill(f"- {each}", _WIDTH, subsequent_indent="  ") for each in sentences)


def _filled(page: str) -> str:
    """Paragraphs with lines of the page's width: figures are not as long as their names."""
    blocks = page.rstrip("\n").split("\n\n")
    return "\n\n".join(block if block[0] in "#|-" else textwrap.fill(block, _WIDTH) for block in blocks) + "\n"


def span(seconds: float) -> str:
    """A time as a person tells it, in two or three digits."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def size(count: float) -> str:
    """Bytes in the unit that suits them; all units are powers of a thousand."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def millions(users: int) -> str:
    """A number of users that is not exact to the last one."""
    return f"{users / 1e6:,.1f} million" if users >= 1_000_000 else f"{users:,}"

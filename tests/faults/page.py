"""The matrix as a page: expected beside measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.faults.evidence import Measured
from tests.faults.scenario import CONCURRENCY, RATE, ROWS, TASKS, Kind, Range, Scenario

_HEAD = f"""# Fault matrix

`make faults` writes this page. Each line is one run against the fake CRM with one fault switched on, at most {RATE:,}
requests/s, and {CONCURRENCY} in flight in each task, unless the line says otherwise. All counts are taken at the CRM. A
line that left rows open is run again without its fault: *then* is what that attempt ended with. In addition to its own
columns, every line is held to this:

- outcomes add up to the rows, and ledger, aggregates and manifest agree;
- users who are `delivered` have their score in the CRM, users who are `rejected` or `deferred` do not;
- no key is applied twice, and after the next attempt no user was given a score twice;
- *duplicates*: requests that were repeated without being counted as a retry are at most those that were in flight or
  not yet flushed when something was killed, and none otherwise; nothing is applied again;
- no second is above limit and burst; no token and no user id is in a log, a manifest or an aggregate.

`make faults ONLY=503-half` runs one line alone; `make demo FAULTS=503-half` shows a fault of the CRM in a full day.
"""
_SECTIONS: dict[Kind, str] = {
    "core": f"""## HTTP

The delivery core by itself, in one process without Spark: {ROWS["core"]:,} users, one task.
""",
    "glue": f"""## Glue

The push job through real Spark on the Glue emulator: {ROWS["glue"]:,} users, {TASKS} push tasks.
""",
}
_COLUMNS = (
    "fault",
    "expected",
    "measured",
    "expected POSTs",
    "POSTs",
    "duplicates",
    "expected time",
    "time",
    "ended",
    "then",
    "",
)


def page(scenarios: Sequence[Scenario], measured: Mapping[str, Measured]) -> str:
    """The full document."""
    lines = [_HEAD]
    for kind, section in _SECTIONS.items():
        rows = [_row(scenario, measured[scenario.name]) for scenario in scenarios if scenario.kind == kind]
        if rows:
            table = [_COLUMNS, tuple("---" for _ in _COLUMNS), *rows]
            lines += [section, *("| " + " | ".join(row) + " |" for row in table), ""]
    broken = [f"- **{name}**: {'; '.join(each.broken)}" for name, each in measured.items() if each.broken]
    if broken:
        lines += ["## What did not hold", "", *broken, ""]
    return "\n".join(lines)


def line(scenario: Scenario, measured: Measured) -> str:
    """One line for the terminal."""
    verdict = "held" if not measured.broken else "BROKEN: " + "; ".join(measured.broken)
    then = "" if measured.resumed is None else f", then {_counts(measured.resumed)}"
    figures = f"{_counts(measured.outcomes) or '-'}, {measured.posts:,} POSTs, {measured.seconds:.0f} s"
    return f"{scenario.name:<22} {measured.ended:<26} {figures}{then}  {verdict}"


def _row(scenario: Scenario, measured: Measured) -> tuple[str, ...]:
    expected = scenario.expected
    bound = f" (at most {expected.lost:,})" if expected.lost else ""
    ended = measured.ended if measured.ended == expected.ended else f"{measured.ended} (expected {expected.ended})"
    return (
        f"**{scenario.name}**: {scenario.what}",
        _ranges(expected.outcomes) or "no manifest",
        _counts(measured.outcomes) or "no manifest",
        str(expected.posts),
        f"{measured.posts:,}",
        f"{measured.sent_twice:,} sent{bound}, {measured.applied_twice:,} applied",
        f"{expected.seconds} s",
        f"{measured.seconds:.0f} s",
        ended,
        "" if measured.resumed is None else f"{_counts(measured.resumed)}, {measured.resumed_posts:,} POSTs",
        "held" if not measured.broken else "**broken**",
    )


def _ranges(outcomes: Mapping[str, Range]) -> str:
    return ", ".join(f"{wanted} {name}" for name, wanted in outcomes.items())


def _counts(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in outcomes.items())

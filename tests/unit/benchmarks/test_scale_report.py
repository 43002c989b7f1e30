"""The section on scale, from given figures."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from benchmarks.scale.measured import Measured
from benchmarks.scale.measurements import Break, Case, Ceiling, Samples, Scale, Summary, Taken
from benchmarks.scale.report import millions, section, size, span, wishes
from tests.unit.benchmarks.scale_product import PRODUCT
from tests.unit.benchmarks.tables import cells


def summary(seconds: float = 9.0, megabytes: float = 250) -> Summary:
    return Summary(
        users=100_000_000,
        limit=5000,
        tasks=400,
        counted_seconds=8_000_000,
        aggregate_bytes=160_000_000,
        imports=Taken(seconds=2.5, bytes=140_000_000),
        whole=Taken(seconds=seconds, bytes=int(megabytes * 1e6)),
    )


def a_case(users: int, limit: int) -> Case:
    return Case(
        users=users,
        limit=limit,
        tasks=4,
        workers=2,
        score_seconds=14,
        push_seconds=78,
        seconds=92,
        glue_usd=0.029,
        score_bytes=400_000,
        score_files=1,
        manifest_bytes=110,
        ledger_objects=100,
        ledger_bytes=4_300_000,
        ledger_month_usd=0.04,
        snapshot_bytes=500_000,
        score_driver_bytes=160_000,
        push_driver_bytes=24_000,
        sent_twice=4256,
        s3_writes=108,
        s3_reads=208,
        s3_usd=0.0006,
        passes="no" if limit == 200 else "set",
    )


def scale(of: Summary | None = None) -> Scale:
    return Scale(
        measured=asdict(Measured()),
        samples=Samples(
            rows=300_000,
            score_row=40.2,
            ledger_line=431.4,
            snapshot_row=52.3,
            manifest_file=110,
            listed_object=200,
            counted_second=100,
            fixed_seconds=12.3,
            planned_rows=123_456,
            told_rows=65_432,
            open_rows=32_109,
        ),
        product={**PRODUCT, "dpu_hour_usd": 0.44},
        crm_limits=[200, 5000],
        cases=[a_case(users, limit) for users in (10_000, 1_000_000) for limit in (200, 5000)],
        breaks=[
            Break(element="the deadline", threshold="9,000 s", kind="bound", users=[1_796_400, None], beyond="refused"),
            Break(element="the hashes", threshold="30 million", kind="slower", users=[900, 30_000_000], beyond="all"),
        ],
        ceilings=[
            Ceiling(element="the setting", task=None, by_default=50, at_most=10_000),
            Ceiling(element="a task", task=2290, by_default=9160, at_most=229_000),
        ],
        summary=of or summary(),
    )


def rows(page: str, first: str) -> list[list[str]]:
    """Cells of the lines of all tables that begin so."""
    return [line for line in cells(page) if line[0] == first]


def test_it_is_a_section_of_a_page() -> None:
    page = section(scale())
    assert page.startswith("## Scale\n\nNights")
    assert page.endswith("wanted at most 300 MB\n")
    assert "{" not in page
    assert max(len(line) for line in page.splitlines() if not line.startswith("|")) <= 120


def test_what_the_paper_is_made_of_is_told_the_price_of_a_dpu_hour_among_the_assumptions() -> None:
    page = section(scale())
    told = page.replace("\n", " ")
    assert "2,290 requests/s at 50 ms and 0.77 CPU seconds" in told
    assert "15.9 s for a million rows, 34.0 s for ten" in told
    assert "over 300,000 rows" in told
    assert "a score 40, a line of the ledger 431, a row of the snapshot 52" in told
    assert "planned 123,456, told the outcome of and taken into the snapshot 65,432" in told
    assert "written to `failed.csv` 32,109" in told
    assert "- A DPU-hour costs 0.44 US$" in page
    assert "- S3: 0.005 US$ for 1,000 PUT" in page


def test_each_night_has_its_lines() -> None:
    page = section(scale())
    nights, requests = rows(page, "1,000,000")[:2], rows(page, "1,000,000")[3:]
    assert nights == [
        ["1,000,000", "200", "4", "2", "14 s", "78 s", "92 s", "0.03", "**no**"],
        ["1,000,000", "5,000", "4", "2", "14 s", "78 s", "92 s", "0.03", "when set otherwise"],
    ]
    assert rows(page, "1,000,000")[2] == ["1,000,000", "400 kB", "1", "110 B", "500 kB", "4.3 MB", "0.04", "160 kB"]
    assert requests == [
        ["1,000,000", limit, "100", "108", "208", "0.00", "24 kB", "4,256"] for limit in ("200", "5,000")
    ]


def test_each_end_is_told_at_each_limit_of_the_crm() -> None:
    page = section(scale())
    assert rows(page, "element") == [
        ["element", "ends at", "kind", "users at 200/s", "users at 5,000/s", "beyond it"],
        ["element", "one task", "as it is set", "at most"],
    ]
    assert rows(page, "the deadline") == [["the deadline", "9,000 s", "**bound**", "1.8 million", "any", "refused"]]
    assert rows(page, "the hashes")[0][2:] == ["slower", "900", "30.0 million", "all"]
    assert rows(page, "the setting") == [["the setting", "", "50", "10,000"]]
    assert rows(page, "a task") == [["a task", "2,290", "9,160", "229,000"]]


def test_the_imports_share_of_the_summary_is_told_apart() -> None:
    page = section(scale())
    assert rows(page, "imports") == [["imports", "2.5", "140"]]
    assert rows(page, "the summary") == [["the summary", "6.5", "110"]]
    assert rows(page, "all in all") == [["all in all", "9.0", "250"]]
    told = page.replace("\n", " ")
    assert "over 400 aggregates (the setting takes 100 push tasks) of a night at 5,000 requests/s" in told
    assert "5.6 hours, 160 MB, 8,000,000 counts by second" in told


@pytest.mark.parametrize(
    ("seconds", "megabytes", "verdicts"),
    [
        (10.0, 300, ["met", "met"]),
        (10.1, 300, ["**missed**", "met"]),
        (10.0, 301, ["met", "**missed**"]),
    ],
)
def test_what_was_wanted_is_judged(seconds: float, megabytes: float, verdicts: list[str]) -> None:
    told = wishes(summary(seconds, megabytes))
    assert [each.partition(": ")[0] for each in told] == [f"- {verdict}" for verdict in verdicts]
    assert "\n".join(told) in section(scale(summary(seconds, megabytes)))


@pytest.mark.parametrize(
    ("seconds", "told"), [(14.4, "14 s"), (99.4, "99 s"), (100, "2 min"), (5999, "100 min"), (6000, "1.7 h")]
)
def test_times_are_told_as_people_do(seconds: float, told: str) -> None:
    assert span(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (43e9, "43.0 GB"), (4.3e12, "4,300.0 GB")],
)
def test_bytes_are_told_in_powers_of_a_thousand(count: float, told: str) -> None:
    assert size(count) == told


def test_users_are_told_in_millions() -> None:
    assert [millions(users) for users in (0, 999_999, 1_796_400, 1_194_000_000)] == [
        "0",
        "999,999",
        "1.8 million",
        "1,194.0 million",
    ]

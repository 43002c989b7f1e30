"""The table of `make bench` and the page it writes, from given measurements."""

from __future__ import annotations

import pytest

from benchmarks.push.document import document
from benchmarks.push.measurements import Comparison, Machine, Measurements, Memory, Peak
from benchmarks.push.report import MISSED, Row, rows, table
from benchmarks.push.wrk import requests_per_second


def measured(
    *, ours: float = 2200.0, cpu: float = 0.7, most: int = 44_300_000, wrk: bool = True, elsewhere: float = 0.02
) -> Measurements:
    """Three rounds and what came of them; the middle one of each contestant is its median."""
    speed = [
        {"ours": ours + 10, "aiohttp": 2250.0, "wrk": 2400.0},
        {"ours": ours, "aiohttp": 2200.0, "wrk": 2500.0},
        {"ours": ours - 30, "aiohttp": 2100.0, "wrk": 2450.0},
    ]
    if not wrk:
        speed = [{name: figure for name, figure in figures.items() if name != "wrk"} for figures in speed]
    effort = [{"ours": cpu, "aiohttp": 0.5}, {"ours": cpu + 0.1, "aiohttp": 0.5}, {"ours": cpu - 0.1, "aiohttp": 0.5}]
    peaks = [Peak(records=10_000, bytes=43_300_000), Peak(records=2_000_000, bytes=most)]
    return Measurements(
        machine=Machine(cores=2, cpu="A CPU", python="3.11.9", aiohttp="3.13.2", wrk="4.1.0" if wrk else None),
        seconds=290.0,
        elsewhere=elsewhere,
        latency=Comparison(records=50_000, concurrency=128, latency_ms=50, rounds=speed),
        cpu=Comparison(records=20_000, concurrency=64, latency_ms=0, rounds=effort),
        memory=Memory(concurrency=64, http=peaks[:1], instant=peaks),
    )


def row(found: Measurements, what: str, nth: int = 0) -> Row:
    return [row for row in rows(found) if row.what == what][nth]


def test_medians_and_spread_are_those_of_the_rounds() -> None:
    found = measured()

    assert row(found, "this project").cells == ("this project", "2,200", "2,170 to 2,210", "", "")
    assert row(found, "wrk").cells == ("wrk", "2,450", "2,400 to 2,500", "", "")
    assert row(found, "this project", 1).cells == ("this project", "0.70", "0.60 to 0.80", "", "")


def test_a_ratio_is_taken_within_each_round() -> None:
    # 2210/2250, 2200/2200, 2170/2100; and not the ratio of the medians.
    ratio = row(measured(), "this project / bare aiohttp")

    assert ratio.cells[1:] == ("1.000", "0.982 to 1.033", "at least 0.95", "met")
    assert row(measured(), "this project / wrk").cells[1:3] == ("0.886", "0.880 to 0.921")
    assert row(measured(), "this project / bare aiohttp", 1).cells[1:] == (
        "1.400",
        "1.200 to 1.600",
        "at most 1.50",
        "met",
    )


@pytest.mark.parametrize(
    ("found", "what", "nth"),
    [
        (measured(ours=2080.0), "this project / bare aiohttp", 0),
        (measured(ours=1900.0), "this project / wrk", 0),
        (measured(cpu=0.76), "this project / bare aiohttp", 1),
        (measured(most=45_400_000), "instant answers, 1 % of them 503, growth from 10,000 to 2,000,000", 0),
    ],
)
def test_a_missed_wish_is_marked(found: Measurements, what: str, nth: int) -> None:
    assert row(found, what, nth).verdict == MISSED
    assert MISSED in table(found)
    assert MISSED not in table(measured())


def test_growth_is_that_from_the_fewest_records_to_the_most() -> None:
    growth = row(measured(), "instant answers, 1 % of them 503, growth from 10,000 to 2,000,000")

    assert growth.cells[1:] == ("+1.0 MB", "", "at most +2.0 MB", "met")


def test_a_missing_wrk_is_said() -> None:
    without = measured(wrk=False)

    assert row(without, "wrk").median == "left out"
    assert row(without, "this project / wrk").verdict == "not measured"
    assert "wrk is not on PATH" in document(without)
    assert "wrk is not on PATH" not in document(measured())


def test_a_machine_that_was_busy_elsewhere_is_said() -> None:
    assert "Other programs had 2% of the machine's CPU time meanwhile.\n" in document(measured())
    assert "had 35% of the machine's CPU time meanwhile: **measure again" in document(measured(elsewhere=0.35))


def test_a_part_that_was_not_measured_has_no_lines() -> None:
    found = measured()
    del found["latency"], found["memory"]

    assert [row.what for row in rows(found)][1:] == ["this project", "bare aiohttp", "this project / bare aiohttp"]


def test_every_line_of_the_table_has_all_columns_at_the_same_places() -> None:
    lines = table(measured()).splitlines()

    assert len(lines) == 2 + len(rows(measured()))
    assert len({tuple(place for place, char in enumerate(line) if char == "|") for line in lines}) == 1


def test_the_page_names_the_machine_and_holds_the_table() -> None:
    page = document(measured())

    assert "2 cores (A CPU), Python 3.11.9, aiohttp 3.13.2, wrk 4.1.0" in page
    assert table(measured()) in page
    assert "128 at once and 50 ms allow 2,560 requests/s" in page
    assert "took 5 minutes" in page


def test_the_rate_is_read_from_what_wrk_prints() -> None:
    assert requests_per_second("  11872 requests in 5.01s, 2.12MB read\nRequests/sec:   2369.85\n") == 2369.85


@pytest.mark.parametrize("trouble", ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 1\n", ""])
def test_a_run_of_wrk_in_which_requests_failed_does_not_count(trouble: str) -> None:
    said = f"{trouble}Requests/sec:   2369.85\n" if trouble else "unable to connect\n"
    with pytest.raises(RuntimeError, match="did not all succeed"):
        requests_per_second(said)

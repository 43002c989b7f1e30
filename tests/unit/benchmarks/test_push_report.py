"""The page's section on the push, from given measurements."""

from __future__ import annotations

import copy

import pytest

from benchmarks.push.measurements import Figures, Memory, Pacing, Peak, Push, Race
from benchmarks.push.report import WITHOUT_WRK, section, wishes
from benchmarks.push.wrk import requests_per_second
from tests.unit.benchmarks.tables import cells

RATES = {"ours": 2200.0, "aiohttp": 2250.0, "threads": 850.0, "dlt": 18.0, "drt": 19.0, "wrk": 2450.0}


def figures(rate: float, cpu: float = 0.5) -> Figures:
    return Figures(records=50_000, rate=rate, cpu=cpu, peak_memory=44_000_000, connections=128)


def measured(
    *, cpu: float = 0.6, steady: float = 498.0, busiest: float = 540.0, grown: int = 1_000_000, **rates: float
) -> Push:
    """Three rounds at two latencies; the machine was slow in the last one, for all alike."""
    each = {**RATES, **rates}
    slow = [{name: figures(rate * pace) for name, rate in each.items() if rate} for pace in (1.0, 1.02, 0.5)]
    fast = [{"ours": figures(7000.0, cpu), "aiohttp": figures(9000.0, 0.5)}]
    peaks = [Peak(records=10_000, bytes=43_300_000), Peak(records=2_000_000, bytes=43_300_000 + grown)]
    return Push(
        versions={"Python": "3.11.9", "aiohttp": "3.13.2"} | ({"wrk": "4.1.0"} if each["wrk"] else {}),
        races=[
            Race(latency_ms=0, concurrency=128, rounds=fast),
            Race(latency_ms=50, concurrency=128, rounds=slow),
        ],
        pacing=Pacing(limit=500, burst=50, records=15_000, rounds=[{"steady": steady, "busiest": busiest}]),
        memory=Memory(concurrency=64, http=peaks, instant=peaks),
    )


def test_medians_and_spread_are_those_of_the_rounds_and_ratios_are_taken_within_each() -> None:
    lines = cells(section(measured()))
    assert lines[0][:4] == ["latency", "client", "records", "requests/s"]
    assert lines[1][:5] == ["0 ms", "this project, its delivery core", "50,000", "7,000", "0.60"]
    assert lines[3][:4] == ["50 ms", "this project, its delivery core", "50,000", "2,200 (1,100 to 2,244)"]
    assert lines[4] == ["", "bare aiohttp", "50,000", "2,250 (1,125 to 2,295)", "0.50", "44", "128", "0.98"]
    assert lines[5][1:2] + lines[5][-1:] == ["requests, 128 threads", "2.59"]


def test_all_that_was_wanted_is_met() -> None:
    assert [line.split(":")[0] for line in wishes(measured())] == ["- met"] * 10


@pytest.mark.parametrize(
    ("found", "which"),
    [
        (measured(aiohttp=2300.0), 0),
        (measured(wrk=2600.0), 1),
        (measured(drt=22.1), 2),
        (measured(dlt=22.1), 3),
        (measured(threads=1101.0), 4),
        (measured(cpu=0.66), 5),
        (measured(steady=489.0), 6),
        (measured(busiest=551.0), 7),
        (measured(grown=2_100_000), 8),
    ],
)
def test_a_missed_wish_is_marked(found: Push, which: int) -> None:
    told = wishes(found)
    assert told[which].startswith("- **missed**: ")
    assert sum("missed" in line for line in told) == (2 if which == 8 else 1)


def test_a_missing_wrk_is_said() -> None:
    without = measured(wrk=0)
    assert WITHOUT_WRK in section(without)
    assert WITHOUT_WRK not in section(measured())
    assert len(wishes(without)) == len(wishes(measured())) - 1


def test_memory_that_nobody_could_look_at_is_left_out() -> None:
    found = copy.deepcopy(measured())
    for each in found["races"][1]["rounds"]:
        each["wrk"]["peak_memory"] = None
    (line,) = (line for line in cells(section(found)) if line[1] == "wrk")
    assert line[5] == ""


def test_the_rate_is_read_from_what_wrk_prints() -> None:
    said = "  4 threads\n  48000 requests in 20.01s\nRequests/sec:   2398.21\nTransfer/sec:\n"
    assert requests_per_second(said) == 2398.21
    for trouble in ("  Non-2xx or 3xx responses: 5\n", "  Socket errors: connect 0, read 3\n"):
        with pytest.raises(RuntimeError, match="did not all succeed"):
            requests_per_second(said + trouble)

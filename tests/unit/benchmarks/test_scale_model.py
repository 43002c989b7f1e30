"""A night on paper: how long it takes, what it leaves and costs, and where it ends; from round numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.scale import assumptions
from benchmarks.scale.breaks import breaks
from benchmarks.scale.cases import case, passes
from benchmarks.scale.ceilings import ceilings
from benchmarks.scale.elements import Element, elements
from benchmarks.scale.measured import Measured
from benchmarks.scale.measurements import Break, Case, Samples, Summary, Taken
from benchmarks.scale.model import Model, lists
from tests.unit.benchmarks.scale_product import PRODUCT

CRM_LIMITS = [200, 1000, 5000]
MILLION = 1_000_000
MEASURED = Measured(
    latency_ms=50,
    records_per_second=2000,
    cpu_seconds_per_10_000=0.8,
    score_seconds_1m=20,
    score_seconds_10m=38,  # 2 s a million, 18 s without any
    hash_seconds_10m=10,
)
SAMPLES = Samples(
    rows=300_000,
    score_row=40,
    ledger_line=400,
    snapshot_row=50,
    manifest_file=100,
    listed_object=200,
    counted_second=100,
    fixed_seconds=20,
    planned_rows=500_000,
    told_rows=100_000,
    open_rows=100_000,
)
SUMMARY = Summary(
    users=100 * MILLION,
    limit=5000,
    tasks=400,
    counted_seconds=8 * MILLION,
    aggregate_bytes=160 * MILLION,
    imports=Taken(seconds=2, bytes=140 * MILLION),
    whole=Taken(seconds=18, bytes=1_740 * MILLION),
)
MODEL = Model(MEASURED, SAMPLES, PRODUCT)


def found() -> dict[str, Break]:
    return {each["element"]: each for each in breaks(elements(MODEL, SUMMARY), CRM_LIMITS)}


def of(users: int, place: int) -> Case:
    return case(MODEL, users, place, CRM_LIMITS, list(found().values()))


def test_speeds_are_the_medians_of_what_other_benchmarks_measured() -> None:
    rounds = [{"ours": {"rate": rate, "cpu": rate / 1000}} for rate in (2400.0, 2100.0, 2300.0)]
    other = [{"ours": {"rate": 1.0, "cpu": 0.5}}]
    results: dict[str, Any] = {
        "push": {"found": {"races": [{"latency_ms": 50, "rounds": rounds}, {"latency_ms": 0, "rounds": other}]}},
        "score": {
            "found": {
                "sizes": [
                    {"rows": rows, "rounds": [{"ours": {"wall": wall}} for wall in (seconds, 99.0, 1.0)]}
                    for rows, seconds in ((10_000, 9.0), (MILLION, 12.0), (10 * MILLION, 30.0))
                ]
            }
        },
    }
    assert asdict(Measured.of(results)) == asdict(Measured()) | {
        "records_per_second": 2300.0,
        "cpu_seconds_per_10_000": 0.5,
        "score_seconds_1m": 12.0,
        "score_seconds_10m": 30.0,
    }


def test_speeds_that_were_not_measured_are_those_that_the_documentation_told() -> None:
    assert Measured.of({}) == Measured()


@pytest.mark.parametrize(("limit", "tasks", "workers"), [(200, 4, 2), (8000, 4, 2), (8001, 5, 3), (18_000, 9, 4)])
def test_tasks_are_more_than_the_setting_only_where_they_could_not_send_fast_enough(
    limit: float, tasks: int, workers: int
) -> None:
    assert (MODEL.tasks(limit), MODEL.workers(limit)) == (tasks, workers)


@pytest.mark.parametrize(
    ("users", "seconds"), [(MILLION, 20), (10 * MILLION, 38), (30 * MILLION, 78), (100 * MILLION, 218 + 100)]
)
def test_job_1_goes_on_in_a_straight_line_and_more_slowly_without_the_drivers_hashes(
    users: int, seconds: float
) -> None:
    assert MODEL.score_seconds(users) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("limit", "objects"),
    [
        (200, 10_000),  # 50/s in each task: what came in two seconds is written
        (1000, 2_000),  # 250/s: just a full batch
        (5000, 2_000),
        (1, 1_000_000),  # never more objects than lines
    ],
)
def test_a_slow_task_cuts_the_ledger_into_more_objects(limit: float, objects: int) -> None:
    assert MODEL.ledger_objects(MILLION, limit) == objects


def test_job_2_is_its_plan_its_sending_and_its_ledger_read_again() -> None:
    # 10,000 objects: asked for twice in 4 slots, and listed twice.
    ledger = (2 * 10_000 / 4 + 2 * 10) * assumptions.S3_SECONDS
    assert MODEL.until_sent(MILLION, 200) == 20 + 2 + 5000
    assert MODEL.push_seconds(MILLION, 200) == pytest.approx(20 + 2 + 5000 + 10 + ledger)
    assert MODEL.seconds(MILLION, 200) == pytest.approx(20 + 20 + 2 + 5000 + 10 + ledger)


def test_a_night_costs_its_workers_for_as_long_as_they_run_and_for_a_minute_at_least() -> None:
    push = MODEL.push_seconds(MILLION, 200)
    # 0.36 US$ an hour is a ten-thousandth a second.
    assert of(MILLION, 0)["glue_usd"] == pytest.approx((60 + push) * 2 * 0.0001)
    assert of(10_000, 2)["glue_usd"] == pytest.approx((60 + 60) * 2 * 0.0001)


def test_what_a_night_leaves_is_counted_in_bytes_of_what_was_written() -> None:
    a_night = of(10 * MILLION, 1)
    assert a_night["score_bytes"] == 400e6
    assert (a_night["score_files"], a_night["manifest_bytes"]) == (20, 2000)
    assert (a_night["ledger_bytes"], a_night["ledger_objects"]) == (4e9, 20_000)
    assert a_night["ledger_month_usd"] == pytest.approx(4 * 400 * assumptions.S3_GB_MONTH_USD)
    assert a_night["snapshot_bytes"] == 500e6
    assert a_night["sent_twice"] == 4 * (64 + 1000)


def test_requests_of_s3_are_those_of_the_ledger_before_all() -> None:
    a_night = of(10 * MILLION, 1)
    # 20,000 objects of the ledger; 20 files of scores, 20 of the snapshot; 4 aggregates; 20 pages, three times.
    assert a_night["s3_writes"] == 20_000 + 40 + 4 + 60
    assert a_night["s3_reads"] == 40_000 + 80 + 4
    assert a_night["s3_usd"] == pytest.approx(20_104 * 0.005 / 1000 + 40_084 * 0.0004 / 1000)
    assert [lists(objects) for objects in (1, 1000, 1001)] == [1, 1, 2]


def test_memory_of_the_drivers() -> None:
    assert of(10 * MILLION, 1)["score_driver_bytes"] == 160e6
    assert of(100 * MILLION, 1)["score_driver_bytes"] == 0  # Spark has the hashes then
    # 20,000 names, and 10,000 seconds in each of 4 tasks.
    assert of(10 * MILLION, 1)["push_driver_bytes"] == 200 * 20_000 + 100 * 40_000


def test_the_most_users_are_those_that_just_fit() -> None:
    def fits(users: int, limit: float) -> bool:
        return users <= 7 * limit

    (found,) = breaks([Element("it", "seven", "bound", fits, "no more")], [1, 1000])
    assert found["users"] == [7, 7000]


def test_what_takes_any_number_of_users_has_no_end_and_what_takes_nobody_has_one() -> None:
    always, never = (Element("it", "", "bound", lambda *_, answer=answer: answer, "") for answer in (True, False))
    assert [each["users"] for each in breaks([always, never], [1])] == [[None], [0]]


def test_a_deadline_holds_plan_and_sending() -> None:
    for element, deadline in (
        ("`deadline_seconds`, its default", 9000),
        ("`deadline_seconds`, the most it takes", 10_200),
    ):
        # 20 s, and for each million 2 s of planning and the time of sending.
        wanted = [(deadline - 20) / (2e-6 + 1 / limit) for limit in CRM_LIMITS]
        assert found()[element]["users"] == pytest.approx(wanted, abs=1)


def test_ends_that_do_not_depend_on_the_rate() -> None:
    assert found()["hashes that job 1's driver looks at"]["users"] == [30 * MILLION] * 3
    assert found()["files of an extract"]["users"] == [200 * MILLION] * 3
    assert found()["files of scores in one listing"]["users"] == [500 * MILLION] * 3
    # 30 minutes are left behind the deadline.
    assert found()["`failed.csv`, every row open at the deadline"]["users"] == [180 * MILLION] * 3
    # 3,600 s: 18, and 3 for each million, the driver's hashes being far behind.
    assert found()["Glue's Timeout of job 1"]["users"] == pytest.approx([1194 * MILLION] * 3, abs=1)


def test_a_night_ends_when_the_next_one_begins() -> None:
    for place, limit in enumerate(CRM_LIMITS):
        most = found()["a night, before the next one begins"]["users"][place]
        assert most is not None
        assert MODEL.seconds(most, limit) <= 86_400 < MODEL.seconds(most + 1, limit)


def test_the_summary_ends_by_what_a_counted_second_took_of_the_measured_one() -> None:
    # 200 bytes and 2 microseconds for each; 160 MB and 8 s are left for them.
    memory, time = found()["memory of the summary"], found()["time of the summary, its listing apart"]
    assert memory["users"] == [800_000 // 4 * limit for limit in CRM_LIMITS]
    assert time["users"] == [4_000_000 // 4 * limit for limit in CRM_LIMITS]


@pytest.mark.parametrize(("users", "wanted"), [(10, "default"), (11, "set"), (20, "set"), (21, "no"), (10**9, "no")])
def test_a_night_passes_as_it_is_set_or_set_otherwise_or_not_at_all(users: int, wanted: str) -> None:
    ends = [
        Break(element="a", threshold="", kind="slower", users=[1], beyond=""),
        Break(element="b", threshold="", kind="default", users=[10], beyond=""),
        Break(element="c", threshold="", kind="bound", users=[20], beyond=""),
        Break(element="d", threshold="", kind="bound", users=[None], beyond=""),
    ]
    assert passes(users, 0, ends) == wanted


def test_a_night_is_judged_at_its_own_rate() -> None:
    # 5,000 s at 200/s, and 50,000.
    assert (of(MILLION, 0)["passes"], of(10 * MILLION, 0)["passes"], of(10 * MILLION, 2)["passes"]) == (
        "default",
        "no",
        "default",
    )


def test_ceilings_of_the_rate_are_those_of_a_task_times_the_tasks() -> None:
    rates = {each["element"]: (each["task"], each["by_default"], each["at_most"]) for each in ceilings(MODEL)}
    assert rates == {
        "setting `max_requests_per_second`": (None, 50, 10_000),
        "requests under way, answers after 50 ms": (1280, 5120, 2_000_000),
        "requests under way, answers after 500 ms": (128, 512, 200_000),
        "one push task, as measured at 50 ms": (2000, 8000, 200_000),
        "one core for each task": (12_500, 50_000, 1_250_000),
        "the ledger, one object after the other": pytest.approx((16_666.7, 66_666.7, 1_666_667), rel=1e-4),
    }

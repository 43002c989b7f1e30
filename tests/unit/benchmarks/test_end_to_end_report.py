"""The section on whole days, from given measurements."""

from __future__ import annotations

import pytest

from benchmarks.end_to_end.measurements import EndToEnd, Phase
from benchmarks.end_to_end.report import overhead, parts, section, wishes, work
from tests.unit.benchmarks.tables import cells


def phase(task: str, name: str, kind: str, *seconds: float) -> Phase:
    return Phase(task=task, name=name, kind=kind, seconds=list(seconds))


def measured(pushing: float = 20.0, queued: float = 2.0) -> EndToEnd:
    """Three rounds; the machine was slow in the last."""
    found = [
        phase("wait_for_activity", "looks at S3", "sensor", 0.5, 1.0, 1.5),
        phase("wait_for_activity", "is queued again", "Airflow", 1.0, 2.0, 6.0),
        phase("check_activity", "is queued", "Airflow", queued, queued, queued + 1),
        phase("check_activity", "checks", "checks", 1.0, 1.0, 2.0),
        phase("push_scores", "is queued", "Airflow", 3.0, 4.0, 5.0),
        phase("push_scores", "pushes", "pushing", pushing, pushing + 2, pushing + 4),
        phase("push_scores", "is queued again", "Airflow", 2.0, 1.0, 4.0),
    ]
    return EndToEnd(
        users=10_000,
        requests_per_second=1_000,
        latency_ms=50,
        sensor_poke_seconds=1,
        glue_poll_seconds=2,
        earlier_days=2,
        seconds=[sum(each["seconds"][number] for each in found) for number in range(3)],
        phases=found,
    )


def test_parts_are_added_within_a_round_and_told_in_order() -> None:
    assert cells(parts(measured()))[1:] == [
        ["sensor", "1.0 s (0.5 s to 1.5 s)", "3%"],
        ["Airflow", "9.0 s (8.0 s to 18.0 s)", "27%"],
        ["checks", "1.0 s (1.0 s to 2.0 s)", "3%"],
        ["pushing", "22.0 s (20.0 s to 24.0 s)", "67%"],
        ["all", "33.0 s (29.5 s to 45.5 s)", ""],
    ]


def test_overhead_is_told_by_step_and_task() -> None:
    assert cells(overhead(measured())) == [
        ["step", "wait_for_activity", "check_activity", "push_scores", "all"],
        ["is queued", "", "2.0", "4.0", "6.0"],
        ["is queued again", "2.0", "", "2.0", "3.0"],
        ["all", "2.0", "2.0", "5.0", "9.0"],
    ]


def test_work_is_told_step_by_step() -> None:
    assert cells(work(measured())) == [
        ["task", "step", "part", "took"],
        ["wait_for_activity", "looks at S3", "sensor", "1.0 s (0.5 s to 1.5 s)"],
        ["check_activity", "checks", "checks", "1.0 s (1.0 s to 2.0 s)"],
        ["push_scores", "pushes", "pushing", "22.0 s (20.0 s to 24.0 s)"],
    ]


@pytest.mark.parametrize(
    ("pushing", "queued", "verdicts"),
    [
        (32.0, 2.0, ["met", "met"]),  # 45 s; the slowest round took longer
        (32.5, 2.0, ["**missed**", "met"]),  # and here the fastest one 42 s
        (20.0, 13.0, ["met", "met"]),  # 20 s of Airflow
        (20.0, 13.5, ["met", "**missed**"]),
    ],
)
def test_what_was_wanted_is_judged_by_the_median(pushing: float, queued: float, verdicts: list[str]) -> None:
    assert [line.removeprefix("- ").partition(":")[0] for line in wishes(measured(pushing, queued))] == verdicts


def test_wishes_are_told_with_what_was_found() -> None:
    assert wishes(measured()) == [
        "- met: from the extract to the summary 33.0 s (29.5 s to 45.5 s), wanted at most 45.0 s",
        "- met: of these, Airflow's own overhead 9.0 s (8.0 s to 18.0 s), wanted at most 20.0 s",
    ]


def test_the_section_holds_the_tables_and_what_they_are_of() -> None:
    found = measured()
    told = section(found)
    assert told.startswith("## End to end\n")
    for piece in (parts(found), overhead(found), work(found), "\n".join(wishes(found))):
        assert f"\n\n{piece}\n\n" in told
    assert "10,000 users" in told
    assert "1,000 requests/s" in told
    assert "takes 50 ms" in told
    assert "every 1 s, the wait for Glue every 2 s" in told
    assert "Rounds: 3." in told

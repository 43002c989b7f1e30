"""The checks of a scenario's evidence find every kind of fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.evidence import (
    Evidence,
    check_invariants,
    check_limits,
    compare_ledger_with_crm,
    count_retries,
    find_personal_data,
)
from tests.faults.worker import DAY, JobRun

STATS = {
    "requests": 3,
    "peak_in_one_second": 3,
    "seconds": {"100": 2, "101": 1, "107": 30},
    "duplicates": {"applied_per_key": 0, "requests_per_key": 0},
}
RUN = JobRun("jr_1", "SUCCEEDED", "", 5.0)


def line(number: int, outcome: str, tries: int = 1) -> dict[str, Any]:
    return {"user_id": f"U{number:09d}", "outcome": outcome, "tries": tries}


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    """Two delivered users and one rejected; one request was retried."""
    scores = tmp_path / "scores" / f"dt={DAY}"
    scores.mkdir(parents=True)
    rows = "".join(f"U{number:09d},{number}.00,t\n" for number in range(3))
    (scores / "part-0.csv").write_text("UserID,Calculated_Score,Timestamp\n" + rows)
    attempt(tmp_path, "jr_1", [line(0, "delivered", 2), line(1, "delivered"), line(2, "rejected")], retries=1)
    return found(tmp_path, {"U000000000": "0.00", "U000000001": "1.00"})


def attempt(folder: Path, job_run_id: str, lines: list[dict[str, Any]], retries: int = 0, **manifest: Any) -> None:
    responses = folder / "responses" / f"dt={DAY}"
    mine = responses / f"attempt={job_run_id}"
    mine.mkdir(parents=True)
    (mine / "part-0-000000.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    outcomes = {name: sum(each["outcome"] == name for each in lines) for name in ("delivered", "rejected", "deferred")}
    (mine / "agg-0.json").write_text(
        json.dumps({"outcomes": outcomes, "retries": retries, "seconds": {"first": 0, "posts": []}})
    )
    document = {"job_run_id": job_run_id, "outcomes": outcomes, "stopped": None, **manifest}
    (responses / "_manifest.json").write_text(json.dumps(document))


def found(folder: Path, state: Mapping[str, str], run: JobRun = RUN) -> Evidence:
    return Evidence(folder, STATS, state, run, rows=3)


def test_a_good_run(evidence: Evidence) -> None:
    assert check_invariants(evidence) == []
    assert compare_ledger_with_crm(evidence, ["jr_1"], some_lost=False) == []
    assert check_limits(evidence, 1000, 4) == []
    assert find_personal_data(evidence, "a-token") == []
    assert evidence.ended == "SUCCEEDED"
    assert evidence.outcomes == {"delivered": 2, "rejected": 1}
    assert evidence.longest_silence == 5


def test_missing_or_miscounted_rows_are_found(evidence: Evidence) -> None:
    (path,) = evidence.folder.glob("responses/*/*/agg-0.json")
    path.write_text(json.dumps({"outcomes": {"delivered": 3}, "retries": 0}))
    assert check_invariants(evidence) == ["the aggregates count {'delivered': 3}"]
    assert check_invariants(replace(evidence, rows=4))[0] == "outcomes add up to 3, not 4"


@pytest.mark.parametrize(
    ("state", "fault"),
    [
        ({"U000000000": "0.00"}, "delivered, but the CRM has another score or none"),
        ({"U000000000": "0.00", "U000000001": "9.00"}, "delivered, but the CRM has another score or none"),
        ({"U000000000": "0.00", "U000000001": "1.00", "U000000002": "2.00"}, "rejected, but the CRM applied it"),
    ],
)
def test_a_wrong_ledger_is_found(evidence: Evidence, state: dict[str, str], fault: str) -> None:
    assert compare_ledger_with_crm(replace(evidence, state=state), ["jr_1"], some_lost=False) == [f"1 rows are {fault}"]


def test_users_without_a_line_were_not_sent_unless_lost(evidence: Evidence) -> None:
    (path,) = evidence.folder.glob("responses/*/*/part-0-000000.jsonl")
    path.write_text(json.dumps(line(0, "delivered")) + "\n" + json.dumps(line(2, "deferred")) + "\n")
    fresh = found(evidence.folder, evidence.state)
    assert compare_ledger_with_crm(fresh, ["jr_1"], some_lost=False) == ["1 rows are deferred, but the CRM applied it"]
    assert compare_ledger_with_crm(fresh, ["jr_1"], some_lost=True) == []
    applied = replace(fresh, state={**evidence.state, "U000000002": "2.00"})
    assert compare_ledger_with_crm(applied, ["jr_1"], some_lost=True) == ["1 rows are deferred, but the CRM applied it"]


def test_retries_and_open_users_explain_repeated_requests(evidence: Evidence) -> None:
    assert count_retries(evidence, "jr_1") == 1
    attempt(evidence.folder, "jr_2", [line(2, "delivered"), line(7, "delivered")], retries=3)
    assert count_retries(evidence, "jr_1", "jr_2") == 5


def test_the_steady_rate_is_that_of_the_push_tasks(evidence: Evidence) -> None:
    canary = {"100": 11, "101": 99, "102": 150}
    tasks = {"103": 210, "104": 190, "105": 7}
    assert replace(evidence, stats={**STATS, "seconds": canary | tasks}).steady_rate == 200
    assert replace(evidence, stats={**STATS, "seconds": {}}).steady_rate == 0


def test_exceeded_limits_and_double_application_are_found(evidence: Evidence) -> None:
    (path,) = evidence.folder.glob("responses/*/*/agg-0.json")
    path.write_text(json.dumps({"outcomes": {}, "retries": 0, "seconds": {"first": 100, "posts": [700, 1101]}}))
    assert check_limits(evidence, 1000, 4) == ["1,101 requests were sent within one second, expected at most 1,100"]
    assert check_limits(evidence, 1001, 4) == []
    # With a low limit, every task may send one request at once.
    path.write_text(json.dumps({"outcomes": {}, "retries": 0, "seconds": {"first": 100, "posts": [9]}}))
    assert check_limits(evidence, 5, 4) == []
    assert check_limits(evidence, 5, 3) == ["9 requests were sent within one second, expected at most 8"]
    assert check_limits(replace(evidence, stats={**STATS, "peak_in_one_second": 1651}), 1000, 4) == [
        "1,651 requests arrived within one second"
    ]
    twice = {"applied_per_key": 2, "requests_per_key": 0}
    assert check_limits(replace(evidence, stats={**STATS, "duplicates": twice}), 1000, 4) == [
        "2 keys were applied twice"
    ]


def test_the_cause_of_an_ended_run_is_named(evidence: Evidence) -> None:
    failed = replace(RUN, state="FAILED")
    assert replace(evidence, run=failed).ended == "FAILED: open rows"
    assert replace(evidence, run=replace(failed, id="jr_2")).ended == "FAILED: killed"
    attempt(evidence.folder, "jr_3", [], stopped={"cause": "redirect", "detail": ""})
    assert found(evidence.folder, {}, replace(failed, id="jr_3")).ended == "FAILED: redirect"


@pytest.mark.parametrize(("logs", "what"), [("Bearer a-token", "the token"), ("U000000001 failed", "a user id")])
def test_personal_data_is_found(evidence: Evidence, logs: str, what: str) -> None:
    assert find_personal_data(replace(evidence, run=replace(RUN, logs=logs)), "a-token") == [
        f"{what} is in a log or manifest"
    ]

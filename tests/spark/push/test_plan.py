"""Who is sent: a table of histories, modes and decisions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.push import plan
from tests.support.glue_days import frame

ME, OTHER = "run of today", "run of before"
DAY, BEFORE, LATER = "2026-11-23", "2026-11-22", "2026-11-24"
TEXT = pa.string()
LEDGER = pa.schema(
    [(name, TEXT) for name in ("user_id", "score", "outcome", "reason", "run_id", "settled_at")]
    + [("http_status", pa.int32())]
)
SNAPSHOT = pa.schema([(name, TEXT) for name in ("user_id", "score_date", "settled_at", "score", "outcome")])
SCORES = pa.schema([("user_id", TEXT), ("score", TEXT)])
STATUS = {"delivered": 200, "rejected": 422, "unknown": None, "deferred": None}


@dataclass(frozen=True)
class Case:
    """A user with score A today.

    :param entries: ledger entries of the date as "<outcome> <score>[ own]", oldest first
    :param sent: the snapshot's row as "<date> <score> <outcome>"
    :param wanted: what becomes of the row by mode; `resend_delivered` is mode all with it; "*" stands for all others
    """

    name: str
    entries: tuple[str, ...]
    sent: str
    wanted: dict[str, str]
    revision: int = 0
    in_doubt: bool = False


CASES = (
    Case("nothing yet", (), "", {"*": "send"}),
    Case("delivered same", ("delivered A",), f"{DAY} A delivered", {"*": "delivered", "resend_delivered": "send"}, 1),
    Case("delivered same by own run", ("delivered A own",), f"{DAY} A delivered", {"*": "delivered"}, 1),
    Case("delivered other", ("delivered B",), f"{DAY} B delivered", {"*": "send"}, 1),
    Case("back to A", ("delivered A", "delivered B"), f"{DAY} B delivered", {"*": "send"}, 2),
    Case("A, B and A", ("delivered A", "delivered B", "delivered A"), "",
         {"*": "delivered", "resend_delivered": "send"}, 3),
    Case("rejected by own run", ("rejected A own",), "", {"*": "rejected"}, 1),
    Case("rejected before", ("rejected A",), "",
         {"*": "rejected", "retry_rejected": "send", "resend_delivered": "send"}, 1),
    Case("rejected other score", ("rejected B",), "", {"*": "send"}, 1),
    Case("rejected before and again", ("rejected A", "rejected A own"), "", {"*": "rejected"}, 2),
    Case("unknown", ("unknown A own",), f"{DAY} A unknown", {"*": "send"}, 0, True),
    Case("unknown of other score", ("unknown B own",), f"{DAY} B unknown", {"*": "send"}, 1),
    Case("A and B in doubt, back to A", ("unknown A", "unknown B"), f"{DAY} B unknown", {"*": "send"}, 1),
    Case("in doubt again and again", ("unknown A own", "unknown B own", "unknown A own"), "", {"*": "send"}, 1, True),
    Case("deferred", ("deferred A",), "", {"*": "send"}),
    Case("unknown then deferred", ("unknown A own", "deferred A own"), "", {"*": "send"}, 0, True),
    Case("deferred then unknown", ("deferred A own", "unknown A own"), "", {"*": "send"}, 0, True),
    Case("unknown then delivered", ("unknown A own", "delivered A own"), "", {"*": "delivered"}, 1),
    Case("delivered then unknown other", ("delivered A", "unknown B"), f"{DAY} B unknown", {"*": "send"}, 2),
    Case("delivered then deferred", ("delivered A own", "deferred A own"), "", {"*": "delivered"}, 1),
    Case("delivered other then deferred", ("delivered B", "deferred A own"), "", {"*": "send"}, 1),
    Case("later delivered", (), f"{LATER} A delivered", {"*": "superseded"}),
    Case("later unknown", (), f"{LATER} B unknown", {"*": "superseded"}),
    Case("later, but unknown today", ("unknown A own",), f"{LATER} B delivered", {"*": "superseded"}, 0, True),
    Case("later, and rejected before", ("rejected A",), f"{LATER} B delivered",
         {"*": "rejected", "retry_rejected": "superseded", "resend_delivered": "superseded"}, 1),
    Case("later, but delivered today", ("delivered A own",), f"{LATER} A delivered", {"*": "delivered"}, 1),
    Case("later, delivered by other", ("delivered A",), f"{LATER} A delivered",
         {"*": "delivered", "resend_delivered": "superseded"}, 1),
    Case("same score before", (), f"{BEFORE} A delivered", {"*": "send", "changed": "unchanged"}),
    Case("other score before", (), f"{BEFORE} B delivered", {"*": "send"}),
    Case("same score before, unknown", (), f"{BEFORE} A unknown", {"*": "send"}),
    Case("same before, deferred today", ("deferred A own",), f"{BEFORE} A delivered",
         {"*": "send", "changed": "unchanged"}),
)  # fmt: skip


def arguments(mode: str = "all", limit: str = "none", resend_delivered: bool = False) -> PushArguments:
    return PushArguments.parse(
        {
            "JOB_RUN_ID": "jr_1",
            "score_date": DAY,
            "run_id": ME,
            "output_bucket": "b",
            "base_url": "https://crm.example.com",
            "secret_id": "s",
            "push_mode": mode,
            "resend_delivered": str(resend_delivered).lower(),
            "limit": limit,
            **dict.fromkeys(("push_tasks", "max_concurrency", "max_attempts", "max_failed_fraction"), "1"),
            **dict.fromkeys(("max_requests_per_second", "request_timeout_seconds"), "9"),
            **dict.fromkeys(("deadline_seconds", "unavailable_timeout_seconds"), "9"),
            "allow_http": "false",
        }
    )


def ledger_rows() -> list[dict[str, Any]]:
    rows = []
    for case in CASES:
        for place, entry in enumerate(case.entries):
            outcome, score, *own = entry.split()
            rows.append(
                {
                    "user_id": case.name,
                    "score": score,
                    "outcome": outcome,
                    "reason": f"why {outcome}",
                    "run_id": ME if own else OTHER,
                    "settled_at": f"{DAY}T03:0{place}:00.000Z",
                    "http_status": STATUS[outcome],
                }
            )
    return rows


def snapshot_rows() -> list[dict[str, Any]]:
    told = [(case.name, *case.sent.split()) for case in CASES if case.sent]
    return [
        {"user_id": name, "score_date": date, "settled_at": "", "score": score, "outcome": outcome}
        for name, date, score, outcome in told
    ]


def decide(
    spark: SparkSession, folder: Path, given: PushArguments, last_user: str | None = None
) -> dict[str, dict[str, Any]]:
    decided = plan.with_decision(
        frame(spark, folder, [{"user_id": case.name, "score": "A"} for case in CASES], SCORES),
        frame(spark, folder, ledger_rows(), LEDGER),
        frame(spark, folder, snapshot_rows(), SNAPSHOT),
        given,
        last_user,
    )
    assert decided.columns == list(plan.COLUMNS)
    rows = [each.asDict() for each in decided.collect()]
    assert len(rows) == len(CASES)
    return {each["user_id"]: each for each in rows}


@pytest.mark.parametrize("mode", ["all", "changed", "retry_rejected", "resend_delivered"])
def test_decisions(spark: SparkSession, tmp_path: Path, mode: str) -> None:
    given = arguments("all", resend_delivered=True) if mode == "resend_delivered" else arguments(mode)
    found = decide(spark, tmp_path, given)
    assert {name: each["decision"] for name, each in found.items()} == {
        case.name: case.wanted.get(mode, case.wanted["*"]) for case in CASES
    }
    # Revisions count whatever was settled, by whomever: a key must never be used for a second sending.
    assert {name: each["revision"] for name, each in found.items()} == {case.name: case.revision for case in CASES}
    assert {name for name, each in found.items() if each["in_doubt"]} == {case.name for case in CASES if case.in_doubt}
    for each in found.values():
        settled = each["decision"] in ("delivered", "rejected")
        assert each["reason"] == (f"why {each['decision']}" if settled else None)
        assert each["http_status"] == (STATUS[each["decision"]] if settled else None)


def test_a_dry_run_plans_what_would_be_sent(spark: SparkSession, tmp_path: Path) -> None:
    planned = decide(spark, tmp_path, arguments("dry_run"))
    assert {name: each["decision"] for name, each in planned.items()} == {
        case.name: "planned" if case.wanted["*"] == "send" else case.wanted["*"] for case in CASES
    }


def test_a_limit_plans_what_is_beyond_it(spark: SparkSession, tmp_path: Path) -> None:
    last = sorted(case.name for case in CASES)[14]
    limited = decide(spark, tmp_path, arguments(limit="15"), last)
    assert {name: each["decision"] for name, each in limited.items()} == {
        case.name: "planned" if case.wanted["*"] == "send" and case.name > last else case.wanted["*"] for case in CASES
    }
    assert {"planned", "send"} < {each["decision"] for each in limited.values()}


def test_the_last_user_within_a_limit(spark: SparkSession, tmp_path: Path) -> None:
    # In order of bytes, as every comparison of Spark's: an id beyond the basic plane comes after all others.
    users = ["b", "B", "a", "é", "\U0001f6d2", "\uffee"]
    scores = frame(spark, tmp_path, [{"user_id": user, "score": "A"} for user in users], SCORES)
    ordered = sorted(users, key=str.encode)
    assert plan.last_user_within(scores, None) is None
    assert [plan.last_user_within(scores, limit) for limit in (1, 4, 6, 99)] == [
        ordered[0],
        ordered[3],
        ordered[5],
        ordered[5],
    ]


def test_outcomes_come_from_the_ledger_as_written(spark: SparkSession, tmp_path: Path) -> None:
    decided = frame(
        spark,
        tmp_path,
        [
            {"user_id": "settled", "decision": "rejected", "reason": "http_422", "http_status": 422},
            {"user_id": "planned", "decision": "planned"},
            {"user_id": "sent", "decision": "send"},
            {"user_id": "refused", "decision": "send"},
            {"user_id": "doubted and sent", "decision": "send", "in_doubt": True},
            {"user_id": "silent", "decision": "send"},
            {"user_id": "doubted and silent", "decision": "send", "in_doubt": True},
        ],
        pa.schema(
            [(name, TEXT) for name in ("user_id", "decision", "reason")]
            + [("http_status", pa.int32()), ("in_doubt", pa.bool_())]
        ),
    ).fillna({"in_doubt": False})
    attempt: list[dict[str, Any]] = [
        {"user_id": "sent", "outcome": "delivered", "reason": "http_200", "http_status": 200},
        {"user_id": "refused", "outcome": "rejected", "reason": "http_400", "http_status": 400},
        {"user_id": "doubted and sent", "outcome": "unknown", "reason": "timeout", "http_status": None},
    ]
    lines = frame(spark, tmp_path, attempt, LEDGER)
    final = plan.with_outcome(decided, lines, "deadline")
    assert sorted(map(tuple, final.collect())) == [
        ("doubted and sent", "unknown", "timeout", None),
        ("doubted and silent", "unknown", "deadline", None),
        ("planned", "planned", None, None),
        ("refused", "rejected", "http_400", 400),
        ("sent", "delivered", "http_200", 200),
        ("settled", "rejected", "http_422", 422),
        ("silent", "deferred", "deadline", None),
    ]
    # Where a task could leave no trace, nobody knows; and a line that it was told was not taken does not count either.
    unlogged_users = decided.where("user_id in ('silent', 'sent', 'planned')").select("user_id")
    doubted = {tuple(row) for row in plan.with_outcome(decided, lines, "ledger_unwritable", unlogged_users).collect()}
    assert doubted - set(map(tuple, final.collect())) == {
        ("silent", "unknown", "ledger_unwritable", None),
        ("sent", "unknown", "ledger_unwritable", None),
        ("doubted and silent", "unknown", "ledger_unwritable", None),
    }

"""Which users are sent: a table of ledger histories, push modes and decisions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from engagement_jobs.push import send_plan
from engagement_jobs.push.selection import Selection
from tests.support.glue_days import frame

OWN_RUN, EARLIER_RUN = "own run", "earlier run"
DAY, BEFORE, LATER = "2026-11-23", "2026-11-22", "2026-11-24"
TEXT = pa.string()
LEDGER = pa.schema(
    [(name, TEXT) for name in ("user_id", "score", "key", "outcome", "reason", "run_id", "settled_at")]
    + [("first_sent_at", TEXT), ("attempt", TEXT), ("http_status", pa.int32())]
)
SNAPSHOT = pa.schema([(name, TEXT) for name in ("user_id", "score_date", "settled_at", "score", "outcome")])
SCORES = pa.schema([("user_id", TEXT), ("score", TEXT)])
STATUS = {"delivered": 200, "rejected": 422, "unknown": None, "deferred": None}


@dataclass(frozen=True)
class Case:
    """A user with score A today.

    :param entries: ledger entries of the date as "<outcome> <score>[ own]", oldest first; "own" is of the same run
    :param newest: the snapshot's row as "<date> <score> <outcome>"
    :param decisions: by mode; `resend_delivered` is mode all with that flag; "*" stands for all other modes
    """

    name: str
    entries: tuple[str, ...]
    newest: str
    decisions: dict[str, str]
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


def select(mode: str = "all", *, resend_delivered: bool = False) -> Selection:
    return Selection(DAY, OWN_RUN, mode, resend_delivered=resend_delivered)


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
                    "run_id": OWN_RUN if own else EARLIER_RUN,
                    "settled_at": f"{DAY}T03:0{place}:00.000Z",
                    "http_status": STATUS[outcome],
                }
            )
    return rows


def snapshot_rows() -> list[dict[str, Any]]:
    rows = [(case.name, *case.newest.split()) for case in CASES if case.newest]
    return [
        {"user_id": name, "score_date": date, "settled_at": "", "score": score, "outcome": outcome}
        for name, date, score, outcome in rows
    ]


class Frames(NamedTuple):
    """The input of a plan."""

    scores: DataFrame
    ledger: DataFrame
    snapshot: DataFrame


def frames(spark: SparkSession, folder: Path) -> Frames:
    return Frames(
        frame(spark, folder, [{"user_id": case.name, "score": "A"} for case in CASES], SCORES),
        frame(spark, folder, ledger_rows(), LEDGER),
        frame(spark, folder, snapshot_rows(), SNAPSHOT),
    )


def decide(
    spark: SparkSession, folder: Path, selection: Selection, last_user: str | None = None
) -> dict[str, dict[str, Any]]:
    """Return the decided rows by user."""
    decided = send_plan.decide(*frames(spark, folder), selection, last_user)
    assert decided.columns == list(send_plan.COLUMNS)
    rows = [each.asDict() for each in decided.collect()]
    assert len(rows) == len(CASES)
    return {each["user_id"]: each for each in rows}


def decisions(rows: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: each["decision"] for name, each in rows.items()}


@pytest.mark.parametrize("mode", ["all", "changed", "retry_rejected", "resend_delivered"])
def test_decisions(spark: SparkSession, tmp_path: Path, mode: str) -> None:
    selection = select("all", resend_delivered=True) if mode == "resend_delivered" else select(mode)
    rows = decide(spark, tmp_path, selection)
    assert decisions(rows) == {case.name: case.decisions.get(mode, case.decisions["*"]) for case in CASES}
    # Revisions count the settled entries of every run, because a key must never be used for a second score.
    assert {name: each["revision"] for name, each in rows.items()} == {case.name: case.revision for case in CASES}
    assert {name for name, each in rows.items() if each["in_doubt"]} == {case.name for case in CASES if case.in_doubt}
    for each in rows.values():
        settled = each["decision"] in ("delivered", "rejected")
        assert each["reason"] == (f"why {each['decision']}" if settled else None)
        assert each["http_status"] == (STATUS[each["decision"]] if settled else None)


def test_retry_rejected_sends_open_and_rejected_users(spark: SparkSession, tmp_path: Path) -> None:
    rejected = {"rejected before"}  # by an earlier run; the own run must not send it again in its next attempt
    by_default, retried = (decisions(decide(spark, tmp_path, select(mode))) for mode in ("all", "retry_rejected"))
    sent = {name for name, decision in by_default.items() if decision == "send"}
    assert {name for name, decision in retried.items() if decision == "send"} == sent | rejected
    assert {by_default[name] for name in rejected} == {"rejected"}
    assert retried["rejected by own run"] == retried["rejected before and again"] == "rejected"


def test_a_dry_run_plans_what_would_be_sent(spark: SparkSession, tmp_path: Path) -> None:
    expected = {case.name: case.decisions["*"].replace("send", "planned") for case in CASES}
    assert decisions(decide(spark, tmp_path, select("dry_run"))) == expected


def test_a_limit_only_plans_the_users_beyond_it(spark: SparkSession, tmp_path: Path) -> None:
    last = sorted(case.name for case in CASES)[14]
    limited = decisions(decide(spark, tmp_path, select(), last))
    assert limited == {
        case.name: "planned" if case.decisions["*"] == "send" and case.name > last else case.decisions["*"]
        for case in CASES
    }
    assert {"planned", "send"} < set(limited.values())


def test_the_last_user_within_a_limit(spark: SparkSession, tmp_path: Path) -> None:
    # Spark compares the bytes of UTF-8: a character beyond the basic plane sorts after all others.
    users = ["b", "B", "a", "é", "\U0001f6d2", "\uffee"]
    scores = frame(spark, tmp_path, [{"user_id": user, "score": "A"} for user in users], SCORES)
    ordered = sorted(users, key=str.encode)
    assert send_plan.find_last_user(scores, None) is None
    assert [send_plan.find_last_user(scores, limit) for limit in (1, 4, 6, 99)] == [
        ordered[0],
        ordered[3],
        ordered[5],
        ordered[5],
    ]


def test_a_plan_counts_what_needs_no_request(spark: SparkSession, tmp_path: Path) -> None:
    made = send_plan.make_plan(*frames(spark, tmp_path), select())
    expected = Counter(case.decisions["*"] for case in CASES)
    assert made.to_send == made.rows_to_send.count() == expected.pop("send")
    assert made.counters.outcomes == expected
    assert made.rows == len(CASES)
    assert {group["reason"] for group in made.counters.error_groups()} == {"why rejected"}
    made.decided.unpersist()

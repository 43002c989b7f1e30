"""The numbers and the headline of the summary."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.contract.aggregate import Aggregate
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import InputRows, RecentScores, Summary
from engagement.summary import ledger_counts
from engagement.summary.run_artifacts import LoadedManifest
from tests.unit.plugins.engagement import run_factory as factory

build = factory.full_summary


def test_summary_of_a_successful_run() -> None:
    summary = build(factory.artifacts())
    assert summary.status == "success"
    assert summary.headline == "970 of 1,000 scores for 2026-11-23 were delivered. 8 users were not reached."
    assert summary.input == InputRows(
        input=1020,
        scored=1000,
        invalid=15,
        deduplicated=5,
        reasons={"null_user_id": 5, "negative_login_count": 10},
        samples={"negative_login_count": ({"login_count": -1, "items_viewed": 3},)},
    )
    assert summary.checks == factory.CHECKS
    assert (summary.rows, summary.not_reached, summary.unaccounted) == (1000, 8, 0)
    assert summary.outcomes.by_name() == factory.SETTLED
    # Requests of both attempts, errors of the last one.
    assert (summary.posts, summary.retries) == (1000, 22)
    assert summary.status_codes == {"200": 980, "422": 5, "429": 10, "503": 4}
    assert summary.errors == factory.ERRORS
    assert summary.latency_ms.p50 == pytest.approx(1.05**80.5, abs=0.1)
    assert summary.latency_ms.p90 == pytest.approx(1.05**90.5, abs=0.1)
    assert summary.latency_ms.max == pytest.approx(1.05**120.5, abs=0.1)
    assert summary.latency_ms.answered == 999
    assert [attempt.job_run_id for attempt in summary.attempts] == [factory.FIRST, factory.LAST]
    # Three runs of 240 DPU-seconds, including the killed one.
    assert summary.cost_usd == pytest.approx(3 * 240 / 3600 * 0.44, abs=0.0002)
    assert summary.generated_from.aggregates == 3


def test_scores_are_compared_with_recent_dates() -> None:
    recent = {"2026-11-22": [100] + [0] * 19, "2026-11-21": [0, 300] + [0] * 18}
    scores = build(factory.artifacts(recent_histograms=recent)).scores
    assert scores is not None
    assert scores.recent == RecentScores(dates=2, histogram=(0.5, 0.5, *[0.0] * 18), drift=0.9)
    without = build(factory.artifacts()).scores
    assert without is not None
    assert without.recent is None


def test_the_same_artifacts_give_the_same_bytes() -> None:
    assert build(factory.artifacts()).model_dump_json() == build(factory.artifacts()).model_dump_json()


def test_one_unknown_cost_makes_the_total_unknown() -> None:
    runs = GlueRuns((factory.glue_run("a", "1"), factory.glue_run("a", "2", dpu_seconds=None)))
    assert build(factory.artifacts(glue=runs)).cost_usd is None


def test_a_run_without_artifacts_has_a_summary() -> None:
    summary = build(factory.without_extract())
    assert summary.status == "failed"
    assert summary.headline == "wait_for_activity failed. Nothing was sent for 2026-11-23."
    assert (summary.input, summary.scores, summary.rows, summary.posts) == (None, None, 0, 0)
    assert summary.latency_ms.p50 is None
    assert summary.cost_usd == 0


def test_a_killed_push_job_may_have_sent_something() -> None:
    lost = factory.glue_run(factory.PUSH_JOB, "jr", state="STOPPED")
    tasks = dict.fromkeys(factory.TASKS, "success") | {"push_scores": "failed"}
    summary = build(
        factory.without_extract(tasks=tasks, scores=factory.artifacts().scores, latest_glue_runs={"push_scores": lost})
    )
    assert summary.headline.endswith("It is unknown how many scores for 2026-11-23 were delivered.")
    assert (summary.rows, summary.unaccounted) == (1000, 1000)


def killed(*tasks: Aggregate, ledger_rows: dict[str, int] | None = None, **changes: Any) -> Summary:
    """Return the summary of a push job that was killed after it had planned 300 of its 1,000 users."""
    found = [factory.aggregate(factory.LAST, "plan", {"delivered": 200, "superseded": 100}), *tasks]
    if ledger_rows:
        found.append(factory.aggregate(factory.LAST, ledger_counts.TASK, ledger_rows, posts=400, retries=7))
    states = dict.fromkeys(factory.TASKS, "success") | {"push_scores": "failed"}
    values = {"tasks": states, "delivery": factory.MISSING, "aggregates": {factory.LAST: found}}
    return build(factory.artifacts(**values | changes))


CANARY = factory.aggregate(factory.LAST, "canary", {"delivered": 100, "rejected": 11}, posts=112, retries=1)
TASKS = [factory.aggregate(factory.LAST, str(n), {"delivered": 145, "unknown": 2}, posts=150) for n in range(4)]


@pytest.mark.parametrize(
    ("summary", "delivered", "not_reached", "lines"),
    [
        (killed(), 200, 700, 0),
        (killed(ledger_rows={"delivered": 31, "rejected": 4}), 231, 669, 35),
        (killed(CANARY), 300, 600, 0),
        (killed(CANARY, *TASKS[:2], ledger_rows={"delivered": 60, "unknown": 40}), 650, 250, 100),
        (killed(CANARY, *TASKS[:3]), 735, 165, 0),
    ],
    ids=["before the canary", "in the canary", "canary only", "in the middle", "without a ledger line"],
)
def test_counts_of_a_killed_attempt_are_limits(summary: Summary, delivered: int, not_reached: int, lines: int) -> None:
    assert (summary.outcomes.delivered, summary.not_reached) == (delivered, not_reached)
    assert not_reached == 1000 - 100 - delivered  # no one is counted as reached without evidence
    assert (summary.counts_complete, summary.requests_complete) == (False, False)
    assert summary.generated_from.ledger_lines == lines
    assert summary.headline.endswith(
        f" At least {delivered:,} of 1,000 scores for 2026-11-23 were delivered; "
        f"at most {not_reached:,} users were not reached."
    )


def test_counts_are_facts_if_all_tasks_had_ended() -> None:
    summary = killed(CANARY, *TASKS, factory.aggregate(factory.LAST, "rest", {"deferred": 1}))
    assert (summary.outcomes.delivered, summary.not_reached, summary.unaccounted) == (880, 20, 0)
    assert (summary.counts_complete, summary.requests_complete) == (True, True)
    assert summary.headline.endswith(" 880 of 1,000 scores for 2026-11-23 were delivered.")


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        (
            {"scores": factory.MISSING},
            "At least 300 scores for 2026-11-23 were delivered; at least 11 users were not reached.",
        ),
        ({"aggregates": {}}, "It is unknown how many scores for 2026-11-23 were delivered."),
        ({"mode": "dry_run"}, "Nothing was sent for 2026-11-23."),
    ],
    ids=["unknown rows", "no aggregate", "dry run"],
)
def test_nothing_is_claimed_that_is_not_known(changes: dict[str, Any], ending: str) -> None:
    assert killed(CANARY, **changes).headline.endswith(f". {ending}")


def test_an_unreadable_aggregate_leaves_the_counts_open() -> None:
    rest = factory.aggregate(factory.LAST, "rest", {"deferred": 1})
    summary = killed(CANARY, *TASKS, rest, broken_aggregates=["The aggregate x cannot be read"])
    assert not summary.counts_complete


def test_requests_of_a_killed_earlier_attempt_are_a_limit() -> None:
    summary = build(factory.artifacts())  # its first attempt was killed with 500 of 1,000 rows counted
    assert [attempt.complete for attempt in summary.attempts] == [False, True]
    assert (summary.counts_complete, summary.requests_complete) == (True, False)
    lost = [ErrorGroup(outcome="unknown", reason="task_lost", http_status=None, detail="", count=4)]
    rest = factory.aggregate(factory.LAST, "rest", {"unknown": 4}, errors=lost)
    found = {factory.LAST: [*factory.last_attempt(), rest]}
    assert not build(factory.artifacts(aggregates=found)).requests_complete


def headline_of(outcomes: dict[str, int], mode: str = "all") -> str:
    none = dict.fromkeys(factory.SETTLED, 0)
    delivery = factory.delivery_manifest(mode=mode, outcomes=none | outcomes, job_run_id="j", attempts=["j"])
    agg = {"j": [factory.aggregate("j", "plan", outcomes)]}
    return build(factory.artifacts(mode=mode, delivery=LoadedManifest("k", delivery), aggregates=agg)).headline


@pytest.mark.parametrize(
    ("outcomes", "mode", "expected"),
    [
        ({"delivered": 1000}, "all", "All 1,000 scores for 2026-11-23 were delivered."),
        (
            {"delivered": 900, "unchanged": 100},
            "changed",
            "900 of 1,000 scores for 2026-11-23 were delivered. The others did not need to be sent.",
        ),
        (
            {"planned": 1000},
            "dry_run",
            "Dry run: 1,000 of 1,000 scores for 2026-11-23 would be sent. Nothing was sent.",
        ),
        (
            {"delivered": 900, "rejected": 100},
            "all",
            "100 of 1,000 users were not reached (10.00%, limit 1.00%). "
            "900 of 1,000 scores for 2026-11-23 were delivered.",
        ),
    ],
)
def test_headlines(outcomes: dict[str, int], mode: str, expected: str) -> None:
    assert headline_of(outcomes, mode) == expected

"""The summary's numbers and words, and what XCom carries of it."""

from __future__ import annotations

import json

import pytest

from engagement.aws.glue_runs import GlueRuns
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Checks, InputRows, RecentScores, Summary
from engagement.summary import builder
from engagement.summary.run_artifacts import LoadedManifest
from tests.unit.plugins.engagement import run_factory as factory

build = factory.whole_summary


def test_a_successful_run() -> None:
    found = build(factory.artifacts())
    assert found.status == "success"
    assert found.headline == "970 of 1,000 scores of 2026-11-23 are delivered; 8 customers were not reached."
    assert found.input == InputRows(
        input=1020,
        scored=1000,
        invalid=15,
        deduplicated=5,
        reasons={"null_user_id": 5, "negative_login_count": 10},
        samples={"negative_login_count": ({"login_count": -1, "items_viewed": 3},)},
    )
    assert found.checks == factory.CHECKS
    assert (found.rows, found.not_reached, found.unaccounted) == (1000, 8, 0)
    assert found.outcomes.by_name() == factory.SETTLED
    # requests of both attempts, errors of the last
    assert (found.posts, found.retries) == (1000, 22)
    assert found.status_codes == {"200": 980, "422": 5, "429": 10, "503": 4}
    assert found.errors == factory.ERRORS
    assert found.latency_ms.p50 == pytest.approx(1.05**80.5, abs=0.1)
    assert found.latency_ms.p90 == pytest.approx(1.05**90.5, abs=0.1)
    assert found.latency_ms.max == pytest.approx(1.05**120.5, abs=0.1)
    assert found.latency_ms.answered == 999
    assert [attempt.job_run_id for attempt in found.attempts] == [factory.FIRST, factory.LAST]
    # three runs of 240 DPU-seconds, the killed one included
    assert found.cost_usd == pytest.approx(3 * 240 / 3600 * 0.44, abs=0.0002)
    assert found.generated_from.aggregates == 3


def test_scores_beside_recent_days() -> None:
    recent = {"2026-11-22": [100] + [0] * 19, "2026-11-21": [0, 300] + [0] * 18}
    scores = build(factory.artifacts(recent_histograms=recent)).scores
    assert scores is not None
    assert scores.recent == RecentScores(dates=2, histogram=(0.5, 0.5, *[0.0] * 18), drift=0.9)
    without = build(factory.artifacts()).scores
    assert without is not None
    assert without.recent is None


def test_the_same_evidence_gives_the_same_bytes() -> None:
    assert build(factory.artifacts()).model_dump_json() == build(factory.artifacts()).model_dump_json()


def test_a_cost_that_is_not_known_of_one_run_is_not_known_in_sum() -> None:
    runs = GlueRuns((factory.glue_run("a", "1"), factory.glue_run("a", "2", dpu_seconds=None)))
    assert build(factory.artifacts(glue=runs)).cost_usd is None


def test_nothing_at_all_is_still_a_summary() -> None:
    found = build(factory.without_extract())
    assert found.status == "failed"
    assert found.headline == "wait_for_activity failed. Nothing was sent for 2026-11-23."
    assert (found.input, found.scores, found.rows, found.posts) == (None, None, 0, 0)
    assert found.latency_ms.p50 is None
    assert found.cost_usd == 0


def test_a_push_that_left_nothing_is_not_called_nothing_sent() -> None:
    lost = factory.glue_run(factory.PUSH_JOB, "jr", state="STOPPED")
    tasks = dict.fromkeys(factory.TASKS, "success") | {"push_scores": "failed"}
    found = build(
        factory.without_extract(tasks=tasks, scores=factory.artifacts().scores, latest_glue_runs={"push_scores": lost})
    )
    assert found.headline.endswith("What was sent is not known for 2026-11-23.")
    assert (found.rows, found.unaccounted) == (1000, 1000)


def test_without_a_manifest_the_aggregates_are_counted() -> None:
    found = build(factory.artifacts(delivery=factory.MISSING, aggregates={factory.FIRST: factory.first_attempt()}))
    assert found.outcomes.delivered == 500
    assert found.unaccounted == 500
    assert found.headline.endswith("500 of 1,000 customers have their score of 2026-11-23.")


def headline_of(outcomes: dict[str, int], mode: str = "all") -> str:
    none = dict.fromkeys(factory.SETTLED, 0)
    delivery = factory.delivery_manifest(mode=mode, outcomes=none | outcomes, job_run_id="j", attempts=["j"])
    agg = {"j": [factory.aggregate("j", "plan", outcomes)]}
    return build(factory.artifacts(mode=mode, delivery=LoadedManifest("k", delivery), aggregates=agg)).headline


@pytest.mark.parametrize(
    ("outcomes", "mode", "expected"),
    [
        ({"delivered": 1000}, "all", "All 1,000 scores of 2026-11-23 are delivered."),
        (
            {"delivered": 900, "unchanged": 100},
            "changed",
            "900 of 1,000 scores of 2026-11-23 are delivered; the others did not need sending.",
        ),
        ({"planned": 1000}, "dry_run", "Dry run: 1,000 of 1,000 scores of 2026-11-23 would be sent, none was."),
        (
            {"delivered": 900, "rejected": 100},
            "all",
            "100 of 1,000 customers were not reached (10.00%, allowed 1.00%). "
            "900 of 1,000 customers have their score of 2026-11-23.",
        ),
    ],
)
def test_headlines(outcomes: dict[str, int], mode: str, expected: str) -> None:
    assert headline_of(outcomes, mode) == expected


def worst_case() -> Summary:
    """Everything long, and everything outside ASCII, which JSON writes with twelve characters each."""
    long = "\N{PILE OF POO}" * 5000
    errors = [
        ErrorGroup(outcome="deferred", reason=f"{n} {long}", http_status=503, detail=long, count=n) for n in range(51)
    ]
    glue = [factory.glue_run(f"job-{n}-{long}", f"jr_{n}_{long}", error=long) for n in range(40)]
    tasks = dict.fromkeys(factory.TASKS, "upstream_failed")
    scores = factory.scores_manifest(
        rows={"input": 61 * 10**12, "scored": 1000, "invalid": 60 * 10**12, "deduplicated": 10**12 - 1000},
        input=[{"key": "k", "etag": "e", "rows": 61 * 10**12}],
        reasons={f"{n} {long}": 10**12 for n in range(60)},
        samples={f"{n} {long}": [{long: long}] * 2 for n in range(60)},
        weights={"version": long, "sha256": long},
    )
    delivery = factory.delivery_manifest(
        errors=errors,
        stopped={"cause": "a" * 5000, "detail": long},
        status_codes={str(n): 10**12 for n in range(100, 600)},
        attempts=[*(f"jr_{n}_{long}" for n in range(40)), factory.LAST],
    )
    artifacts = factory.artifacts(
        dag_id="d" * 250,
        run_id="r" * 250,
        tasks=tasks,
        scores=LoadedManifest("s", scores),
        delivery=LoadedManifest("d", delivery),
        glue=GlueRuns(tuple(glue), tuple(run.id for run in glue), long),
        latest_glue_runs={"push_scores": glue[0], "score_users": glue[1]},
        aggregates={f"jr_{n}_{long}": factory.last_attempt() for n in range(40)},
        broken_aggregates=[long] * 40,
        checks=Checks(warnings=(long,) * 40, passed=(long,) * 40),
    )
    return build(artifacts, report_key="k" * 300, report_url="u" * 450)


def test_xcom_has_the_same_keys_in_at_most_8_kb() -> None:
    short = builder.compact(worst_case())
    assert tuple(short) == tuple(Summary.model_fields)
    assert len(json.dumps(short)) <= 8192


def test_xcom_has_the_numbers_without_the_crms_texts() -> None:
    built = build(factory.artifacts())
    short, whole = builder.compact(built), built.model_dump(mode="json")
    for name in ("outcomes", "rows", "posts", "status_codes", "not_reached", "cost_usd", "tasks", "headline"):
        assert short[name] == whole[name]
    assert {key for error in short["errors"] for key in error} == {"outcome", "reason", "http_status", "count"}


def test_counts_that_are_cut_off_are_told_as_other() -> None:
    codes = {str(code): 1 for code in range(200, 220)}
    short = builder.compact(build(factory.artifacts(), status_codes=codes))
    assert sum(short["status_codes"].values()) == 20
    assert short["status_codes"]["other"] == 8

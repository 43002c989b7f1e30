"""The compact summary for XCom."""

from __future__ import annotations

import json

from engagement.aws.glue_runs import GlueRuns
from engagement.contract.outcomes import ErrorGroup
from engagement.contract.summary import Checks, Summary
from engagement.summary import xcom
from engagement.summary.run_artifacts import LoadedManifest
from tests.unit.plugins.engagement import run_factory as factory

build = factory.full_summary


def worst_case() -> Summary:
    """Return a summary in which all texts are long and consist of characters that JSON escapes with twelve."""
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
        crm_version=long,
        crm_sha256=long,
        warnings=[long] * 40,
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


def test_the_keys_are_the_same_in_at_most_8_kb() -> None:
    short = xcom.compact(worst_case())
    assert tuple(short) == tuple(Summary.model_fields)
    assert len(json.dumps(short)) <= 8192


def test_the_numbers_stay_and_texts_of_the_crm_do_not() -> None:
    built = build(factory.artifacts())
    short, full = xcom.compact(built), built.model_dump(mode="json")
    for name in ("outcomes", "rows", "posts", "status_codes", "not_reached", "cost_usd", "tasks", "headline"):
        assert short[name] == full[name]
    assert {key for error in short["errors"] for key in error} == {"outcome", "reason", "http_status", "count"}


def test_smaller_counts_are_added_up_as_other() -> None:
    codes = {str(code): 1 for code in range(200, 220)}
    short = xcom.compact(build(factory.artifacts(), status_codes=codes))
    assert sum(short["status_codes"].values()) == 20
    assert short["status_codes"]["other"] == 8

"""The one place that imports both sides. A name that is changed on one of them alone turns a test red."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engagement.config.settings import Settings
from engagement.contract import arguments as dag_arguments
from engagement.contract import s3_keys
from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.outcomes import NOT_REACHED, OUTCOMES, Outcomes
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.strict_model import Model, parse
from engagement.contract.summary import Summary
from engagement.summary import findings
from engagement_jobs.contract import arguments, csv_columns
from engagement_jobs.contract import s3_keys as job_s3_keys
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.crm_client import response_classification
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.entrypoints import workflow_run
from engagement_jobs.push.manifest import delivery_manifest
from engagement_jobs.scoring.manifest import scores_manifest
from engagement_jobs.scoring.weights import Weights
from tests.support import job_arguments

REPOSITORY = Path(__file__).resolve().parents[2]
DATA_CONTRACT = (REPOSITORY / "docs" / "reference" / "data-contract.md").read_text(encoding="utf-8")
SCORE = ScoreArguments.parse(job_arguments.SCORE)
PUSH = PushArguments.parse(job_arguments.PUSH)
RUN = SCORE.run_id


def scores() -> dict[str, Any]:
    return scores_manifest(
        SCORE,
        read={next(iter(SCORE.input_etags)): 5},
        rows={"input": 5, "scored": 3, "invalid": 1, "deduplicated": 1},
        reasons={"user_id_null": 1},
        samples={"user_id_null": [{"login_count": 3}]},
        histogram=[3] + [0] * 19,
        files=[("part-00000.csv", 120)],
        sha256="0" * 64,
        weights=Weights.default(),
    )


def counters() -> DeliveryCounters:
    counts = DeliveryCounters()
    counts.count_request(1_763_866_800.0, again=False)
    counts.count_response(200, 12.0)
    counts.count_outcome("delivered", "http_200", 200, count=2)
    counts.count_outcome("rejected", "http_404", 404, "unknown-user")
    return counts


def delivery() -> dict[str, Any]:
    counted = counters()
    stop = StopReason("retry_after", "The CRM asked for a pause.", 1_763_870_000.0)
    return delivery_manifest(
        PUSH, scores(), outcomes=counted.outcomes, counters=counted, stop=stop, attempts=["jr_0", "jr_2"]
    )


def aggregate() -> dict[str, Any]:
    return counters().aggregate(RUN, "jr_2", "0", "2026-11-23T03:10:00Z")


def read(model: type[Model], written: dict[str, Any]) -> Model:
    """The document as the other side reads it."""
    return parse(model, json.dumps(written))


def test_the_dag_passes_what_the_jobs_declare() -> None:
    assert ScoreArguments.names() == dag_arguments.SCORE_ARGUMENTS
    assert PushArguments.names() == dag_arguments.PUSH_ARGUMENTS
    assert arguments.PUSH_MODES == dag_arguments.PUSH_MODES


def test_scores_manifest() -> None:
    written = scores()
    assert set(written) == set(ScoresManifest.model_fields)
    assert read(ScoresManifest, written).rows.scored == 3


def test_delivery_manifest() -> None:
    written = delivery()
    assert set(written) == set(DeliveryManifest.model_fields)
    documents = (read(DeliveryManifest, written), read(ScoresManifest, scores()), [read(Aggregate, aggregate())])
    assert findings.find_differences(*documents) == []


def test_aggregate() -> None:
    assert set(aggregate()) == set(Aggregate.model_fields)
    assert read(Aggregate, aggregate()).posts == 1


@pytest.mark.parametrize(
    ("name", "write"), [("scores_manifest", scores), ("delivery_manifest", delivery), ("aggregate", aggregate)]
)
def test_what_the_jobs_write_keeps_the_published_schema(name: str, write: Callable[[], dict[str, Any]]) -> None:
    schema = json.loads((REPOSITORY / "docs" / "reference" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    validator.check_schema(schema)
    written = json.loads(json.dumps(write()))
    assert list(validator.iter_errors(written)) == []
    assert list(validator.iter_errors(written | {"another": 1}))


def test_outcomes() -> None:
    assert response_classification.OUTCOMES == OUTCOMES == tuple(Outcomes.model_fields)
    assert set(NOT_REACHED) == {*response_classification.OPEN, "rejected"}


@pytest.mark.parametrize("run_id", [RUN, "manual__ü/…", "backfill__1", ""])
def test_keys(run_id: str) -> None:
    assert job_s3_keys.run_key(run_id) == s3_keys.run_key(run_id)
    day = "2026-11-23"
    assert job_s3_keys.scores_prefix(day) == s3_keys.scores_prefix(day)
    assert job_s3_keys.scores_prefix(day) + job_s3_keys.MANIFEST == s3_keys.scores_manifest(day)
    assert job_s3_keys.invalid_prefix(day) == f"invalid/dt={day}/"
    assert job_s3_keys.responses_prefix(day) == s3_keys.delivery_prefix(day, run_id, dry_run=False)
    assert job_s3_keys.dry_run_prefix(run_id) == s3_keys.delivery_prefix(day, run_id, dry_run=True)
    assert job_s3_keys.attempt_prefix(day, "jr_1") == s3_keys.attempt_prefix(day, run_id, "jr_1", dry_run=False)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("arguments of the scoring job", dag_arguments.SCORE_ARGUMENTS),
        ("arguments of the push job", dag_arguments.PUSH_ARGUMENTS),
        ("arguments of the scoring job in a workflow", workflow_run.argument_names(dag_arguments.SCORE_ARGUMENTS)),
        ("arguments of the push job in a workflow", workflow_run.argument_names(dag_arguments.PUSH_ARGUMENTS)),
        ("run properties", (workflow_run.SCHEDULED_TIME, *workflow_run.MANUAL_PROPERTIES)),
        ("scores manifest", ScoresManifest.model_fields),
        ("delivery manifest", DeliveryManifest.model_fields),
        ("aggregate", Aggregate.model_fields),
        ("summary", Summary.model_fields),
        ("ledger", FIELDS),
        ("outcomes", OUTCOMES),
        ("activity columns", Weights.default().columns),
        ("scores columns", csv_columns.SCORES_COLUMNS),
        ("failed.csv", csv_columns.FAILED_COLUMNS),
        ("settings", Settings.model_fields),
    ],
)
def test_the_data_contract_names_everything(what: str, names: Any) -> None:
    """The data contract holds each list in full, after a marker comment."""
    lists = dict(re.findall(r"^<!-- names: (.+?) -->\n(.+?)(?=\n\n)", DATA_CONTRACT, re.MULTILINE | re.DOTALL))
    assert sorted(re.findall(r"`(\w+)`", lists[what])) == sorted(names)

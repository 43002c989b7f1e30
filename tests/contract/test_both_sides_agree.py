"""Both sides use the same names: arguments, S3 keys, documents, outcomes. Only `tests/contract/` imports both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from engagement.checks import crm_probe
from engagement.config.settings import Settings
from engagement.contract import arguments as dag_arguments
from engagement.contract import s3_keys
from engagement.contract.aggregate import Aggregate
from engagement.contract.delivery_manifest import DeliveryManifest
from engagement.contract.errors import SettingsError
from engagement.contract.outcomes import NOT_REACHED, OUTCOMES, Outcomes
from engagement.contract.scores_manifest import ScoresManifest
from engagement.contract.strict_model import Model, parse
from engagement.contract.summary import Summary
from engagement.summary import findings
from engagement_jobs.contract import argument_types, csv_columns
from engagement_jobs.contract import outcomes as job_outcomes
from engagement_jobs.contract import s3_keys as job_s3_keys
from engagement_jobs.contract.arguments import PushArguments, ScoreArguments
from engagement_jobs.contract.errors import ArgumentError
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.ledger import FIELDS
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.entrypoints import workflow_run
from engagement_jobs.push.delivery_manifest import delivery_manifest
from engagement_jobs.push.selection import Selection
from engagement_jobs.scoring.scores_manifest import scores_manifest
from engagement_jobs.scoring.weights import Weights
from tests.support import job_arguments
from tests.unit.plugins.engagement.run_factory import SETTINGS

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
    counts.count_request(1_763_866_800.0, is_retry=False)
    counts.count_response(200, 12.0)
    counts.count_outcome("delivered", "http_200", 200, count=2)
    counts.count_outcome("rejected", "http_404", 404, "unknown-user")
    return counts


def delivery() -> dict[str, Any]:
    counted = counters()
    stop_reason = StopReason("retry_after", "The CRM asked for a pause.", 1_763_870_000.0)
    return delivery_manifest(
        Selection(PUSH.score_date, PUSH.run_id, PUSH.push_mode),
        job_run_id=PUSH.job_run_id,
        scores_sha256=scores()["sha256"],
        crm=CrmDocument.default(),
        outcomes=counted.outcomes,
        counters=counted,
        stop_reason=stop_reason,
        retry_after_ignored=1_763_869_000.0,
        warnings=["Could not connect to the CRM"],
        attempts=["jr_0", "jr_2"],
    )


def aggregate() -> dict[str, Any]:
    return counters().aggregate(RUN, "jr_2", "0", "2026-11-23T03:10:00Z")


def read(model: type[Model], written: dict[str, Any]) -> Model:
    """Return the document as the Airflow side reads it."""
    return parse(model, json.dumps(written))


def test_the_check_queries_the_path_of_the_default_document() -> None:
    assert CrmDocument.default().path == (crm_probe.PATH,)


def test_the_dag_passes_what_the_jobs_declare() -> None:
    assert ScoreArguments.names() == dag_arguments.SCORE_ARGUMENTS
    assert PushArguments.names() == dag_arguments.PUSH_ARGUMENTS
    assert argument_types.PUSH_MODES == dag_arguments.PUSH_MODES


def test_airflow_reads_the_scores_manifest() -> None:
    written = scores()
    assert set(written) == set(ScoresManifest.model_fields)
    assert read(ScoresManifest, written).rows.scored == 3


def test_airflow_reads_the_delivery_manifest() -> None:
    written = delivery()
    assert set(written) == set(DeliveryManifest.model_fields)
    documents = (read(DeliveryManifest, written), read(ScoresManifest, scores()), [read(Aggregate, aggregate())])
    assert findings.find_differences(*documents) == []


def test_airflow_reads_an_aggregate() -> None:
    assert set(aggregate()) == set(Aggregate.model_fields)
    assert read(Aggregate, aggregate()).posts == 1


def test_airflow_reads_the_group_of_the_other_errors() -> None:
    counts = DeliveryCounters()
    for number in range(60):
        counts.count_outcome("rejected", "http_422", 422, f"problem-{number}")
    groups = read(Aggregate, counts.aggregate("run", "jr_1", "0", "2026-11-23T03:00:00Z")).errors
    assert (groups[-1].outcome, groups[-1].count) == ("other", 10)


@pytest.mark.parametrize(
    ("name", "write"), [("scores_manifest", scores), ("delivery_manifest", delivery), ("aggregate", aggregate)]
)
def test_documents_match_the_published_schema(name: str, write: Callable[[], dict[str, Any]]) -> None:
    schema = json.loads((REPOSITORY / "docs" / "reference" / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    validator = Draft202012Validator(schema)
    validator.check_schema(schema)
    written = json.loads(json.dumps(write()))
    assert list(validator.iter_errors(written)) == []
    assert list(validator.iter_errors(written | {"another": 1}))


def test_outcomes_are_the_same() -> None:
    assert job_outcomes.OUTCOMES == OUTCOMES == tuple(Outcomes.model_fields)
    assert set(NOT_REACHED) == set(job_outcomes.NOT_REACHED) == {*job_outcomes.OPEN, "rejected"}


@pytest.mark.parametrize(
    "base_url",
    [
        *("https://crm.example.com", "HTTPS://Crm.Example.COM:443/v2/", "http://127.0.0.1:8080", "https://[::1]:8443"),
        *("https://stra\u00dfe.example", "https://crm_1", "https://crm.example.com.", "https://x:65535"),
    ],
)
def test_both_sides_accept_the_same_base_url(base_url: str) -> None:
    PushArguments.parse(job_arguments.PUSH | {"base_url": base_url, "allow_http": "true"})
    Settings.parse(json.dumps(SETTINGS | {"base_url": base_url}))


@pytest.mark.parametrize(
    "base_url",
    [
        *(
            "https://crm:99999",
            "https://crm:abc",
            "https://crm:0",
            "https://crm:",
            "https://crm:-1",
            "https://crm:443:1",
        ),
        *("https://a..b", "https://-", "https://crm-.example.com", "https://c%72m", "https://.", "https://c,rm"),
        *("https://[::1", "https://[crm]", "https://::1", "https://999.1.1.1", f"https://{'x' * 64}.example"),
        *(f"https://{'x.' * 128}example", f"https://{chr(0xFC) * 63}.example", "https://", "ftp://crm", "crm"),
    ],
)
def test_both_sides_refuse_an_impossible_base_url(base_url: str) -> None:
    with pytest.raises(ArgumentError, match=f"--base_url is {re.escape(repr(base_url))}, expected a URL"):
        PushArguments.parse(job_arguments.PUSH | {"base_url": base_url, "allow_http": "true"})
    with pytest.raises(SettingsError, match="base_url: expected a URL"):
        Settings.parse(json.dumps(SETTINGS | {"base_url": base_url}))


@pytest.mark.parametrize("run_id", [RUN, "manual__ü/…", "backfill__1", ""])
def test_s3_keys_are_the_same(run_id: str) -> None:
    assert job_s3_keys.run_key(run_id) == s3_keys.run_key(run_id)
    score_date = "2026-11-23"
    assert job_s3_keys.scores_prefix(score_date) == s3_keys.scores_prefix(score_date)
    assert job_s3_keys.scores_prefix(score_date) + job_s3_keys.MANIFEST == s3_keys.scores_manifest_key(score_date)
    assert job_s3_keys.invalid_prefix(score_date) == f"invalid/dt={score_date}/"
    assert job_s3_keys.responses_prefix(score_date) == s3_keys.delivery_prefix(score_date, run_id, dry_run=False)
    assert job_s3_keys.dry_run_prefix(run_id) == s3_keys.delivery_prefix(score_date, run_id, dry_run=True)
    assert job_s3_keys.attempt_prefix(score_date, "jr_1") == s3_keys.attempt_prefix(
        score_date, run_id, "jr_1", dry_run=False
    )


@pytest.mark.parametrize(
    ("title", "names"),
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
def test_the_data_contract_lists_every_name(title: str, names: Any) -> None:
    """The data contract holds each list in full, after a marker comment."""
    lists = dict(re.findall(r"^<!-- names: (.+?) -->\n(.+?)(?=\n\n)", DATA_CONTRACT, re.MULTILINE | re.DOTALL))
    assert sorted(re.findall(r"`(\w+)`", lists[title])) == sorted(names)

"""Each role allows every AWS call that its part of a run makes, as recorded on a full day.

`tests/unit/infra/test_permissions.py` covers the requests that do not go through botocore: those of Spark, Glue, MWAA.
"""

from __future__ import annotations

import pytest

from tests.stack.permissions import required_permissions
from tests.stack.recording import Recording, record
from tests.unit.infra.actors import AIRFLOW, PUSH, SCORE, actor
from tests.unit.infra.deployed import PREFIX

pytestmark = pytest.mark.timeout(900)  # the recorded day takes half a minute, or longer on a busy machine


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("recording"))


def test_the_recorded_day_is_complete(recording: Recording) -> None:
    assert recording.summary["outcomes"]["delivered"] == recording.summary["rows"] > 900
    done = {(call.who, call.service, call.operation) for call in recording.calls}
    assert {who for who, _, _ in done} == {AIRFLOW, SCORE, PUSH}
    assert {operation for who, service, operation in done if (who, service) == (AIRFLOW, "glue")} == {
        "GetJob",
        "GetJobRun",
        "GetJobRuns",
        "StartJobRun",
    }
    assert {(AIRFLOW, "secretsmanager", "GetSecretValue"), (AIRFLOW, "sns", "Publish")} <= done
    assert (PUSH, "secretsmanager", "GetSecretValue") in done
    crm_files = {
        (call.who, call.parameters["Key"])
        for call in recording.calls
        if call.operation == "GetObject" and call.parameters["Key"].startswith("crm/")
    }
    # Airflow needs only the certificates.
    assert crm_files == {(PUSH, "crm/crm.json"), (PUSH, "crm/authorities.pem"), (AIRFLOW, "crm/authorities.pem")}
    # Spark's workers are recorded as well: they write the ledger.
    written = {call.parameters["Key"] for call in recording.calls if (call.who, call.operation) == (PUSH, "PutObject")}
    assert [key for key in written if "/part-0-" in key]


def test_airflow_reads_its_variable_and_no_other_secret(recording: Recording) -> None:
    read = {
        call.parameters["SecretId"]
        for call in recording.calls
        if (call.who, call.service) == (AIRFLOW, "secretsmanager")
    }
    assert read == {f"{PREFIX}/airflow/variables/engagement"}


def test_every_recorded_call_is_allowed(recording: Recording) -> None:
    refused = {
        f"{call.who}: {request.action} {request.resource} {dict(request.context)}"
        for call in recording.calls
        for request in required_permissions(call)
        if not actor(call.who).may(request)
    }
    assert refused == set()

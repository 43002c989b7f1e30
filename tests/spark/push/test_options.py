"""Settings of the parts of the push job, from its arguments."""

from __future__ import annotations

from unittest import mock

import pytest
from botocore.exceptions import ClientError

from engagement_jobs.common.aws import Store
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.errors import CrmDocumentError
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.push import options
from engagement_jobs.push.attempts import Attempt
from engagement_jobs.push.scores_reader import ScoresManifest
from engagement_jobs.push.selection import Selection
from tests.support.crm_requests import TEMPLATE
from tests.support.glue_days import DAY, RUN_ID, push_arguments
from tests.support.glue_emulators import SECRET_ID, Bucket, Emulators
from tests.support.raw_http import AUTHORITY

WAY = Network("http://proxy.example:3128", "10.0.0.0/8")
STARTED = 1_763_866_800.0  # 2025-11-23T03:00:00Z


def test_the_canary_has_the_limits_of_the_full_job(emulators: Emulators, bucket: Bucket) -> None:
    arguments = push_arguments(emulators, bucket, max_requests_per_second=50, push_tasks=4, deadline_seconds=100)
    attempt = options.this_attempt(arguments, STARTED)
    setup = options.task_setup(arguments, TEMPLATE, WAY, attempt, STARTED, 1000)
    assert (setup.settings.rate, setup.settings.burst, setup.settings.deadline) == (50, 5, STARTED + 100)
    assert setup.settings.template == TEMPLATE
    assert (setup.attempt, setup.secret_id, setup.rows, setup.network) == (attempt, SECRET_ID, 1000, WAY)


def test_the_burst_of_a_slow_job_is_one_request_per_task(emulators: Emulators, bucket: Bucket) -> None:
    arguments = push_arguments(emulators, bucket, max_requests_per_second=1, push_tasks=4)
    attempt = options.this_attempt(arguments, STARTED)
    assert options.task_setup(arguments, TEMPLATE, WAY, attempt, STARTED, 1000).settings.burst == 4


def test_the_way_to_the_crm_comes_from_the_arguments(emulators: Emulators, bucket: Bucket) -> None:
    assert options.network(push_arguments(emulators, bucket, allow_http="true")) == Network(allow_http=True)
    ca_pem = AUTHORITY.cert_pem.bytes()
    bucket.put("crm/ca.pem", ca_pem)
    named = {"proxy_url": WAY.proxy_url, "no_proxy": WAY.no_proxy, "ca_uri": f"s3://{bucket.name}/crm/ca.pem"}
    way = options.network(push_arguments(emulators, bucket, allow_http="true", **named))
    assert way == Network(WAY.proxy_url, WAY.no_proxy, ca_pem.decode(), allow_http=True)


def test_an_attempt_has_a_folder_of_its_own(emulators: Emulators, bucket: Bucket) -> None:
    arguments = push_arguments(emulators, bucket, "jr_7")
    folder = f"responses/dt={DAY}/attempt=jr_7/"
    assert options.this_attempt(arguments, STARTED) == Attempt(folder, RUN_ID, "jr_7", "2025-11-23T03:00:00Z")
    assert options.manifest_key(arguments) == f"responses/dt={DAY}/_manifest.json"


def test_a_dry_run_writes_to_its_own_folder(emulators: Emulators, bucket: Bucket) -> None:
    arguments = push_arguments(emulators, bucket, push_mode="dry_run")
    folder = s3_keys.dry_run_prefix(RUN_ID)
    assert options.this_attempt(arguments, STARTED).folder == folder
    assert options.manifest_key(arguments) == f"{folder}_manifest.json"
    assert options.selection(arguments).dry_run


def test_the_selection_is_what_the_arguments_choose(emulators: Emulators, bucket: Bucket) -> None:
    arguments = push_arguments(emulators, bucket, push_mode="changed", resend_delivered="true", limit="15")
    assert options.selection(arguments) == Selection(DAY, RUN_ID, "changed", resend_delivered=True, limit=15)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "PermanentRedirect"])
def test_an_unreadable_document_is_named(emulators: Emulators, bucket: Bucket, code: str) -> None:
    uri = "s3://other/crm/document.json"
    scores = ScoresManifest(DAY, f"{DAY}T03:00:00Z", "1", 0, "x", ())
    error = ClientError({"Error": {"Code": code, "Message": "from S3"}}, "GetObject")
    with (
        mock.patch.object(Store, "read", side_effect=error),
        pytest.raises(CrmDocumentError, match=rf"crm_uri: {uri} could not be read: .*\({code}\)"),
    ):
        options.request_template(push_arguments(emulators, bucket, crm_uri=uri), scores)

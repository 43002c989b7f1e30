"""A push without access to the CRM changes nothing; a dry run reports it as a warning."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import ArgumentError, CrmUnreachableError, JobError, SecretError, TokenError
from engagement_jobs.push import job
from tests.support.blocking_server import blocking_server
from tests.support.glue_checks import aggregates
from tests.support.glue_days import DAY, push, push_arguments, put_scores, users
from tests.support.glue_emulators import Bucket, Emulators
from tests.support.raw_http import AUTHORITY, server_context
from tests.support.scripted_proxy import scripted_proxy

RESPONSES = f"responses/dt={DAY}/"
MANIFEST = f"{RESPONSES}_manifest.json"

Refuse = Callable[..., list[str]]


@pytest.fixture
def refuse(spark: SparkSession, bucket: Bucket, crm: Emulators) -> Refuse:
    """Run a push that must fail before it changes anything, then a dry run; return the warnings of the latter."""

    def run(error: type[JobError], message: str, **arguments: Any) -> list[str]:
        put_scores(bucket, users(30))
        bucket.put(MANIFEST, b"{}")
        with pytest.raises(error, match=f"^the job sent and deleted nothing. .*{message}"):
            push(spark, push_arguments(crm, bucket, **arguments))
        assert (bucket.read(MANIFEST), bucket.keys(f"{RESPONSES}attempt=")) == (b"{}", [])
        manifest = push(spark, push_arguments(crm, bucket, "jr_2", push_mode="dry_run", **arguments))
        assert manifest["outcomes"]["planned"] == 30
        assert aggregates(bucket, f"{RESPONSES}attempt=jr_2/") == {}
        assert crm.crm("GET", "stats")["requests"] == 0
        warnings: list[str] = manifest["warnings"]
        return warnings

    return run


@pytest.mark.parametrize(
    ("secret", "problem"),
    [
        ('{"password": "s3cret"}', '"token" is missing; unknown keys: "password"'),
        ("{'token': 's3cret'}", "begins like JSON and does not parse"),
        ("Bearer s3cret", '"token" begins with its scheme'),
        ("", '"token" is empty'),
    ],
)
def test_a_secret_of_another_form_changes_nothing(
    refuse: Refuse, monkeypatch: pytest.MonkeyPatch, secret: str, problem: str
) -> None:
    monkeypatch.setattr(job, "read_secret", lambda _: secret)
    (warning,) = refuse(SecretError, f"Could not read the CRM token .*{problem}")
    assert warning.startswith("Could not read the CRM token (SecretError: ")
    assert "s3cret" not in warning


def test_a_secret_that_does_not_exist_changes_nothing(refuse: Refuse) -> None:
    (warning,) = refuse(SecretError, "Could not read the CRM token", secret_id="engagement/none")
    assert "ResourceNotFound" in warning


def test_a_token_endpoint_that_refuses_changes_nothing(
    refuse: Refuse, crm: Emulators, monkeypatch: pytest.MonkeyPatch
) -> None:
    with blocking_server(b"HTTP/1.1 401 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as endpoint:
        secret = {
            "type": "oauth2_client_credentials",
            "token_url": f"http://127.0.0.1:{endpoint.port}/token",
            "client_id": "c",
            "client_secret": "s3cret",
        }
        monkeypatch.setattr(job, "read_secret", lambda _: json.dumps(secret))
        (warning,) = refuse(TokenError, "Could not obtain a CRM token: ")
    assert "s3cret" not in warning
    assert endpoint.connections == 2
    assert crm.crm("GET", "stats")["requests"] == 0


def test_a_crm_that_cannot_be_reached_changes_nothing(refuse: Refuse) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        (warning,) = refuse(
            CrmUnreachableError, "refused the connection", base_url=base_url, unavailable_timeout_seconds=1.5
        )
    assert warning.startswith("Could not connect to the CRM: 127.0.0.1:")


@pytest.mark.parametrize("ca_file", [None, trustme.CA(organization_name="Another").cert_pem.bytes()])
def test_an_authority_that_is_not_trusted_changes_nothing(
    refuse: Refuse, bucket: Bucket, ca_file: bytes | None
) -> None:
    if ca_file:
        bucket.put("crm/ca.pem", ca_file)
    with blocking_server(tls=server_context()) as server:
        (warning,) = refuse(
            CrmUnreachableError,
            "from an authority that this job does not know",
            base_url=f"https://localhost:{server.port}",
            ca_uri=f"s3://{bucket.name}/crm/ca.pem" if ca_file else "none",
        )
    assert "store the authority's certificate where ca_uri names it" in warning
    assert server.received == []


def test_a_proxy_that_refuses_changes_nothing(refuse: Refuse, bucket: Bucket) -> None:
    bucket.put("crm/ca.pem", AUTHORITY.cert_pem.bytes())
    with scripted_proxy(credentials="user:password") as proxy:
        (warning,) = refuse(
            CrmUnreachableError,
            "demands a user name and a password",
            base_url="https://localhost:1",
            proxy_url=proxy.url,
            ca_uri=f"s3://{bucket.name}/crm/ca.pem",
        )
    assert "password, or refuses those in the secret" in warning
    assert len(proxy.requests) == 2


@pytest.mark.parametrize(
    ("content", "problem"), [(None, "does not exist"), (b"", "in PEM"), (b"\xff\xfe", "in PEM"), (b"{}", "in PEM")]
)
def test_a_file_without_certificates_changes_nothing(
    spark: SparkSession, bucket: Bucket, crm: Emulators, content: bytes | None, problem: str
) -> None:
    put_scores(bucket, users(30))
    bucket.put(MANIFEST, b"{}")
    if content is not None:
        bucket.put("crm/ca.pem", content)
    with pytest.raises(ArgumentError, match=f"^ca_uri: s3://{bucket.name}/crm/ca.pem.* {problem}"):
        push(spark, push_arguments(crm, bucket, ca_uri=f"s3://{bucket.name}/crm/ca.pem"))
    assert (bucket.read(MANIFEST), crm.crm("GET", "stats")["requests"]) == (b"{}", 0)

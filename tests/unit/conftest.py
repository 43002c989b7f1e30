"""What several folders of unit tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest


@pytest.fixture
def aws_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A mocked AWS account in us-east-1, to which Airflow's default connection leads."""
    from moto import mock_aws

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture
def denied(aws_account: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """An AWS account that denies every request, with the few words that S3 has for a HEAD."""
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    def deny(client: Any, operation: str, parameters: Any) -> NoReturn:  # noqa: ARG001
        raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", deny)

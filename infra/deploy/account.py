"""Clients of one AWS account and region; credentials and endpoints come from the environment, as for the AWS CLI."""

from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    retries={"mode": "standard", "total_max_attempts": 8},
    user_agent_extra="engagement-deploy",
)


class Account:
    """Clients by service, each made when it is first asked for."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._session = boto3.Session(region_name=region)

    def _client(self, service: str) -> Any:
        return self._session.client(service, config=_CONFIG)

    @cached_property
    def formation(self) -> Any:
        """CloudFormation."""
        return self._client("cloudformation")

    @cached_property
    def glue(self) -> Any:
        """Glue."""
        return self._client("glue")

    @cached_property
    def mwaa(self) -> Any:
        """MWAA."""
        return self._client("mwaa")

    @cached_property
    def s3(self) -> Any:
        """S3."""
        return self._client("s3")

    @cached_property
    def secrets(self) -> Any:
        """Secrets Manager."""
        return self._client("secretsmanager")

    def number(self) -> str:
        """The account's number, which also tells whether the credentials are good for anything."""
        return str(self._client("sts").get_caller_identity()["Account"])

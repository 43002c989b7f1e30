"""boto3 clients of one AWS account and region."""

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
    """The clients that the tool uses; credentials and endpoints come from the environment, as for the AWS CLI."""

    def __init__(self, region: str) -> None:
        session = boto3.Session(region_name=region)

        def client(service: str) -> Any:
            return session.client(service, config=_CONFIG)

        self.formation = client("cloudformation")
        self.glue = client("glue")
        self.mwaa = client("mwaa")
        self.s3 = client("s3")
        self.secrets = client("secretsmanager")
        self._sts = client("sts")

    def number(self) -> str:
        """Return the account number. Any valid credentials are allowed to make this call."""
        return str(self._sts.get_caller_identity()["Account"])

"""The output bucket as the page reads it: through Airflow's connection, and with short time limits.

The API server has few threads, and tasks depend on them: a page had better fail than keep one for minutes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowException
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from engagement.aws.s3 import Bucket
from engagement.config.settings import VARIABLE, Settings
from engagement.contract.errors import StoreError
from engagement.ui.run_list import READERS

CLIENT_CONFIG = Config(
    connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2}, max_pool_connections=READERS
)
VARIABLE_TTL_SECONDS = 30  # how long an edit of the Variable may go unnoticed
CLIENT_TTL_SECONDS = 300  # an AWS client takes a tenth of a second to make; the connection behind it may be edited


class OutputBucket:
    """Leads to the output bucket that the Variable names now.

    :param aws_conn_id: Airflow connection for AWS, the one that the DAG's tasks use
    """

    def __init__(self, aws_conn_id: str = "aws_default") -> None:
        self._aws_conn_id = aws_conn_id
        self._lock = threading.Lock()
        self._client: Any = None
        self._client_expires_at = 0.0
        self._bucket = ""
        self._bucket_expires_at = 0.0

    @contextmanager
    def __call__(self) -> Iterator[Bucket]:
        """Give the bucket to a block, in which its errors become a `StoreError`.

        :raises SettingsError: the Variable does not hold what it should
        :raises StoreError: the connection leads nowhere, S3 refuses or cannot be reached
        """
        with self._lock:
            if time.monotonic() >= self._bucket_expires_at:
                # It may come from a secrets backend, which is slow and costs money.
                self._bucket = Settings.parse(Variable.get(VARIABLE, default=None)).output_bucket
                self._bucket_expires_at = time.monotonic() + VARIABLE_TTL_SECONDS
            name = self._bucket
        try:
            yield Bucket(self._connected(), name)
        except (ClientError, BotoCoreError, AirflowException) as error:
            raise StoreError(f"Bucket {name} cannot be read: {str(error).rstrip('.')}.") from error

    def _connected(self) -> Any:
        with self._lock:
            if time.monotonic() >= self._client_expires_at:
                own = S3Hook(aws_conn_id=self._aws_conn_id).conn_config.botocore_config
                config = (
                    own.merge(CLIENT_CONFIG) if own else CLIENT_CONFIG
                )  # what the connection says, a proxy say, stays
                self._client = S3Hook(aws_conn_id=self._aws_conn_id, config=config).conn
                self._client_expires_at = time.monotonic() + CLIENT_TTL_SECONDS
            return self._client

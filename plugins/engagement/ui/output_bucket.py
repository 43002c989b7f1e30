"""Access to the output bucket for the dashboard: through Airflow's connection, with short timeouts.

The API server has few threads, and tasks depend on them: a request must fail rather than hold a thread for minutes.
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
from engagement.config.dag_config import DagConfig
from engagement.config.settings import VARIABLE, Settings
from engagement.contract.errors import AccessDeniedError, OutputBucketError
from engagement.ui.run_list import READERS

CLIENT_CONFIG = Config(
    connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2}, max_pool_connections=READERS
)
VARIABLE_TTL_SECONDS = 30  # a secrets backend is slow and charges for each request
CLIENT_TTL_SECONDS = 300  # a client takes 0.1 s to create, and the connection may be edited


class OutputBucket:
    """Opens the output bucket that the Airflow Variable names, with the connection and the region of the tasks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: Any = None
        self._client_expires_at = 0.0
        self._bucket = ""
        self._bucket_expires_at = 0.0

    @contextmanager
    def __call__(self) -> Iterator[Bucket]:
        """Yield the bucket. AWS errors in the block become a `OutputBucketError`.

        :raises ConfigError: the section [engagement] is invalid
        :raises SettingsError: the Variable is missing or invalid
        :raises OutputBucketError: the connection is invalid, or S3 refuses the request or is unreachable
        """
        with self._lock:
            if time.monotonic() >= self._bucket_expires_at:
                self._bucket = Settings.parse(Variable.get(VARIABLE, default=None)).output_bucket
                self._bucket_expires_at = time.monotonic() + VARIABLE_TTL_SECONDS
            name = self._bucket
        try:
            yield Bucket(self._connect(), name)
        except (AccessDeniedError, ClientError, BotoCoreError, AirflowException) as error:
            raise OutputBucketError(f"Bucket {name} cannot be read: {str(error).rstrip('.')}.") from error

    def _connect(self) -> Any:
        with self._lock:
            if time.monotonic() >= self._client_expires_at:
                # Settings of the connection, such as a proxy, are kept.
                aws = DagConfig.read().aws()
                own = S3Hook(**aws).conn_config.botocore_config
                config = own.merge(CLIENT_CONFIG) if own else CLIENT_CONFIG
                self._client = S3Hook(**aws, config=config).conn
                self._client_expires_at = time.monotonic() + CLIENT_TTL_SECONDS
            return self._client

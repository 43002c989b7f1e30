"""The operator of the task ``check_activity``."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws.s3 import Bucket
from engagement.checks import crm_probe
from engagement.checks.extract_check import check_extract
from engagement.contract import task_failures
from engagement.contract.arguments import DRY_RUN
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError, ExtractError


class CheckExtractOperator(BaseOperator):
    """Check that the extract is complete Parquet and that the CRM responds.

    An invalid extract fails the task at once, without retries. If the CRM does not respond, the task is retried. A dry
    run does not check the CRM.

    :param bucket_name: Bucket of the extract. (templated)
    :param key: Exact key of the extract, or of the ``_SUCCESS`` file in its folder. (templated)
    :param base_url: URL of the CRM without the path of the API. (templated)
    :param allow_http: ``true`` permits an unencrypted CRM, for local stacks. (templated)
    :param push_mode: Push mode of the run. (templated)
    :param aws_conn_id: Airflow connection for AWS. Default: ``aws_default``.
    :param region_name: AWS region. Default: the connection's.
    """

    template_fields: Sequence[str] = ("bucket_name", "key", "base_url", "allow_http", "push_mode")

    def __init__(
        self,
        *,
        bucket_name: str,
        key: str,
        base_url: str,
        allow_http: str,
        push_mode: str,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.key = key
        self.base_url = base_url
        self.allow_http = allow_http
        self.push_mode = push_mode
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def execute(self, context: Context) -> dict[str, str | int]:
        """Check the extract, then the CRM.

        :return: ``input_uri``, ``input_etags`` (JSON text, key to ETag) and ``bytes`` of the extract
        :raises AirflowFailException: the extract or ``base_url`` is invalid
        :raises AirflowException: the CRM does not respond
        """
        bucket = Bucket(S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name).conn, self.bucket_name)
        try:
            checked = check_extract(bucket, self.key)
            self.log.info("The extract %s is complete: %s bytes", checked["input_uri"], checked["bytes"])
            self._check_crm()
        except (ExtractError, BadBaseUrlError) as error:
            task_failures.record_and_raise(context, AirflowFailException(str(error)))
        except CrmUnavailableError as error:
            task_failures.record_and_raise(context, AirflowException(str(error)))
        return checked

    def _check_crm(self) -> None:
        if self.push_mode == DRY_RUN:
            self.log.info("The CRM was not checked: a dry run sends nothing")
            return
        status = crm_probe.check_reachable(self.base_url, allow_http=self.allow_http == "true")
        self.log.info("The CRM responds: HTTP %d", status)

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
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError, ExtractError


class CheckExtractOperator(BaseOperator):
    """Check that the extract is a whole Parquet file and that the CRM answers.

    A bad extract fails for good; a CRM that does not answer is retried. A dry run does not need the CRM.

    :param bucket_name: bucket of the extract (templated)
    :param key: its exact key (templated)
    :param base_url: address of the CRM, without a path of the API (templated)
    :param allow_http: ``true`` permits an unencrypted CRM, for local stacks (templated)
    :param push_mode: the mode of this run (templated)
    :param aws_conn_id: Airflow connection for AWS (default: ``aws_default``)
    :return: ``input_uri``, ``input_etags`` (JSON text) and ``bytes`` of what was checked
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.key = key
        self.base_url = base_url
        self.allow_http = allow_http
        self.push_mode = push_mode
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, str | int]:
        """Check the extract, then the CRM."""
        try:
            checked = check_extract(Bucket(S3Hook(aws_conn_id=self.aws_conn_id).conn, self.bucket_name), self.key)
            self.log.info("%s is whole: %s bytes", checked["input_uri"], checked["bytes"])
            if self.push_mode == "dry_run":
                self.log.info("The CRM was not asked whether it is there: a dry run sends nothing")
            else:
                status = crm_probe.check_reachable(self.base_url, allow_http=self.allow_http == "true")
                self.log.info("The CRM is there: HTTP %d", status)
        except (ExtractError, BadBaseUrlError) as error:
            task_failures.record_and_raise(context, AirflowFailException(str(error)))
        except CrmUnavailableError as error:
            task_failures.record_and_raise(context, AirflowException(str(error)))
        return checked

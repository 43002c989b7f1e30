"""The operator of the task ``check_activity``."""

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws.s3 import Bucket
from engagement.checks import crm_probe
from engagement.checks.crm_connection import CrmNetwork
from engagement.checks.extract_check import check_extract
from engagement.contract import task_failures
from engagement.contract.arguments import DRY_RUN
from engagement.contract.errors import (
    AccessDeniedError,
    BadBaseUrlError,
    BadCaFileError,
    CrmUnavailableError,
    ExtractError,
)
from engagement.contract.network import tls_context


class CheckExtractOperator(BaseOperator):
    """Check that the extract is complete Parquet and that the CRM responds.

    An invalid extract fails the task at once, without retries. If the CRM does not respond, the task is retried. The
    CRM is reached in the way of the push job; the log says what could not be checked. A dry run does not check the CRM.

    :param bucket_name: Bucket of the extract. (templated)
    :param key: Exact key of the extract, or of the ``_SUCCESS`` file in its folder. (templated)
    :param base_url: URL of the CRM without the path of the API. (templated)
    :param allow_http: ``true`` permits an unencrypted CRM, for local stacks. (templated)
    :param crm_uri: ``default``, or S3 URI of the CRM document. (templated)
    :param proxy_url: Proxy through which the CRM is reached; empty if there is none. (templated)
    :param no_proxy: Hosts that are reached without the proxy; may be empty. (templated)
    :param ca_uri: S3 URI of certificates that are trusted too; empty if there are none. (templated)
    :param push_mode: Push mode of the run. (templated)
    :param aws_conn_id: Airflow connection for AWS. Default: ``aws_default``.
    :param region_name: AWS region. Default: the connection's.
    """

    template_fields: Sequence[str] = (
        "bucket_name",
        "key",
        "base_url",
        "allow_http",
        "crm_uri",
        "proxy_url",
        "no_proxy",
        "ca_uri",
        "push_mode",
    )

    def __init__(
        self,
        *,
        bucket_name: str,
        key: str,
        base_url: str,
        allow_http: str,
        crm_uri: str,
        proxy_url: str,
        no_proxy: str,
        ca_uri: str,
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
        self.crm_uri = crm_uri
        self.proxy_url = proxy_url
        self.no_proxy = no_proxy
        self.ca_uri = ca_uri
        self.push_mode = push_mode
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def execute(self, context: Context) -> dict[str, str | int]:
        """Check the extract, then the CRM.

        :return: ``input_uri``, ``input_etags`` (JSON text, key to ETag) and ``bytes`` of the extract
        :raises AirflowFailException: the extract, ``base_url`` or the CA file is invalid
        :raises AirflowException: the CRM does not respond, or S3 denies access
        """
        client = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name).conn
        try:
            checked = check_extract(Bucket(client, self.bucket_name), self.key)
            self.log.info("The extract %s is complete: %s bytes", checked["input_uri"], checked["bytes"])
            self._check_crm(client)
        except (ExtractError, BadBaseUrlError, BadCaFileError) as error:
            task_failures.record_and_raise(context, AirflowFailException(str(error)))
        except (AccessDeniedError, CrmUnavailableError) as error:
            task_failures.record_and_raise(context, AirflowException(str(error)))
        return checked

    def _check_crm(self, client: Any) -> None:
        if self.push_mode == DRY_RUN:
            self.log.info("The CRM was not checked: a dry run sends nothing")
            return
        way = CrmNetwork(self.proxy_url, self.no_proxy, self._read_ca_file(client))
        check = crm_probe.check_reachable(
            self.base_url,
            way,
            allow_http=self.allow_http == "true",
            has_default_document=self.crm_uri == "default",
        )
        if check.status is None:
            self.log.warning("%s", check.warning)
        else:
            self.log.info("The CRM responds: HTTP %d", check.status)
        self.log.info("Not checked: %s", "; ".join(check.not_checked))

    def _read_ca_file(self, client: Any) -> str | None:
        """Return the text of the file, None if there is none.

        :raises BadCaFileError: the file is missing, or contains no certificates
        """
        if not self.ca_uri:
            return None
        bucket, _, key = self.ca_uri.removeprefix("s3://").partition("/")
        content = Bucket(client, bucket).read(key)
        if content is None:
            raise BadCaFileError(f"ca_uri: {self.ca_uri} does not exist. Upload the certificates, or clear the setting")
        text = content.decode("utf-8", "replace")
        try:
            tls_context(text)
        except ValueError as error:
            raise BadCaFileError(f"ca_uri: {self.ca_uri}: {error}") from error
        return text

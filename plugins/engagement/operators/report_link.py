"""The task's link "Delivery report". The worker creates it and stores it as XCom; the web server runs none
of this code.

Airflow serializes an operator's own extra links as name and XCom key, so no plugin registers the class. If one did, the
web server would call the class instead of reading the XCom.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink

CONSOLE = "https://console.{domain}/s3/object/{bucket}?{query}"
CONSOLE_DOMAINS = {"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}


def report_url(template: str | None, bucket: str, key: str, *, region: str, partition: str = "aws") -> str:
    """Return the URL of a report.

    It is never a presigned URL: XCom and logs would then contain access to the bucket without a login.

    :param template: the setting ``report_url``, such as ``http://127.0.0.1:8333/{bucket}/{key}``; empty for the S3
        console, which requires a login
    :param key: S3 key of the report
    :param region: AWS region of the bucket
    :param partition: AWS partition, which determines the domain of the console
    """
    if not template:
        domain = CONSOLE_DOMAINS.get(partition, CONSOLE_DOMAINS["aws"])
        query = urlencode({"region": region, "prefix": key}, safe="/=")
        return CONSOLE.format(domain=domain, bucket=quote(bucket), query=query)
    return template.replace("{bucket}", quote(bucket)).replace("{key}", quote(key, safe="/="))


class DeliveryReportLink(BaseOperatorLink):
    """Link to the HTML report of the run."""

    name = "Delivery report"  # type: ignore[assignment, unused-ignore]
    xcom_key = "delivery_report"  # type: ignore[assignment, unused-ignore]

    def get_link(self, operator: Any, **_: Any) -> str:
        """Return the report's URL, empty without a report. The worker calls it when the task ends."""
        return str(getattr(operator, "delivery_report_url", ""))

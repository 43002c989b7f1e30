"""The button "Delivery report" of a task: made in the worker and kept as XCom, not by the web server.

Airflow serialises an operator's own extra links as name and XCom key, hence no plugin needs to register the
class; a registered one would even be asked in the web server instead of the XCom.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink

CONSOLE = "https://console.{domain}/s3/object/{bucket}?{query}"
CONSOLE_DOMAINS = {"aws": "aws.amazon.com", "aws-cn": "amazonaws.cn", "aws-us-gov": "amazonaws-us-gov.com"}


def report_url(template: str | None, bucket: str, key: str, *, region: str, partition: str = "aws") -> str:
    """Where a person opens the report.

    Never a presigned URL: XCom and logs would carry a key to the bucket that works without login.

    :param template: the setting `report_url`, such as `http://127.0.0.1:8333/{bucket}/{key}`; empty for the
        S3 console, which asks for a login
    """
    if not template:
        domain = CONSOLE_DOMAINS.get(partition, CONSOLE_DOMAINS["aws"])
        query = urlencode({"region": region, "prefix": key}, safe="/=")
        return CONSOLE.format(domain=domain, bucket=quote(bucket), query=query)
    return template.replace("{bucket}", quote(bucket)).replace("{key}", quote(key, safe="/="))


class DeliveryReportLink(BaseOperatorLink):
    """Opens the HTML report of the run."""

    name = "Delivery report"  # type: ignore[assignment, unused-ignore]
    xcom_key = "delivery_report"  # type: ignore[assignment, unused-ignore]

    def get_link(self, operator: Any, **_: Any) -> str:
        """The report's URL; called in the worker when the task ends; empty without a report."""
        return str(getattr(operator, "delivery_report_url", ""))

"""The link to the report."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engagement.operators import report_link

KEY = "summaries/dt=2026-11-23/runs/manual__a b-12345678.html"


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "https://console.aws.amazon.com/"),
        ("aws-cn", "https://console.amazonaws.cn/"),
        ("aws-us-gov", "https://console.amazonaws-us-gov.com/"),
    ],
)
@pytest.mark.parametrize("template", [None, ""])
def test_the_default_is_the_s3_console(partition: str, host: str, template: str | None) -> None:
    url = report_link.report_url(template, "reports", KEY, region="eu-west-1", partition=partition)
    assert url == (
        f"{host}s3/object/reports?region=eu-west-1&prefix=summaries/dt=2026-11-23/runs/manual__a+b-12345678.html"
    )
    assert "Signature" not in url


def test_a_template_gets_quoted_values() -> None:
    url = report_link.report_url("http://127.0.0.1:8333/{bucket}/{key}", "reports", KEY, region="eu-west-1")
    assert url == "http://127.0.0.1:8333/reports/summaries/dt=2026-11-23/runs/manual__a%20b-12345678.html"


def test_the_link_is_empty_until_the_task_ends() -> None:
    link = report_link.DeliveryReportLink()
    assert (link.name, link.xcom_key) == ("Delivery report", "delivery_report")
    assert link.get_link(SimpleNamespace(), ti_key=None) == ""
    assert link.get_link(SimpleNamespace(delivery_report_url="https://x"), ti_key=None) == "https://x"

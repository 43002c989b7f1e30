"""Every operator connects with the connection and to the region that it was given."""

from types import ModuleType
from typing import Any

import pytest

from engagement.checks.drift import THRESHOLDS
from engagement.operators import check_extract, check_scores, summarize_responses
from tests.unit.plugins.engagement.operators.task_context import task_context

CHECK_EXTRACT = {
    "bucket_name": "activity",
    "key": "a.parquet",
    "push_mode": "dry_run",
    **dict.fromkeys(("base_url", "allow_http", "crm_uri", "proxy_url", "no_proxy", "ca_uri"), ""),
}
CHECK_SCORES = {
    "bucket_name": "output",
    "score_date": "2026-11-23",
    "skip_drift_checks": "false",
    "thresholds": dict.fromkeys(THRESHOLDS, "1"),
}
SUMMARIZE = {
    "output_bucket": "output",
    "score_date": "2026-11-23",
    "push_mode": "all",
    "score_job_name": "score",
    "push_job_name": "push",
}


class Connected(Exception):  # noqa: N818 - it is not an error
    """Raised instead of connecting."""


@pytest.mark.parametrize("region", ["eu-central-1", "us-west-2", None])
@pytest.mark.parametrize(
    ("module", "operator", "arguments"),
    [
        (check_extract, check_extract.CheckExtractOperator, CHECK_EXTRACT),
        (check_scores, check_scores.CheckScoresOperator, CHECK_SCORES),
        (summarize_responses, summarize_responses.SummarizeApiResponsesOperator, SUMMARIZE),
    ],
)
def test_the_hook_gets_connection_and_region(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, operator: Any, arguments: dict[str, Any], region: str | None
) -> None:
    given: list[dict[str, Any]] = []

    def connect(**options: Any) -> None:
        given.append(options)
        raise Connected

    monkeypatch.setattr(module, "S3Hook", connect)
    task = operator(task_id="task", aws_conn_id="aws_crm", region_name=region, **arguments)
    with pytest.raises(Connected):
        task.execute(task_context())
    assert given == [{"aws_conn_id": "aws_crm", "region_name": region}]

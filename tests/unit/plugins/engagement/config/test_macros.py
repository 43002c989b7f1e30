"""The macros that translate Airflow's objects for pure functions."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from engagement.config.macros import as_argument, dag_macros, settings, trigger_params


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (False, "false"),
        (50, "50"),
        (50.0, "50"),
        (100.0, "100"),
        (0.05, "0.05"),
        (0.1, "0.1"),
        (1e-07, "0.0000001"),
        (1e16, "10000000000000000"),
        ("all", "all"),
    ],
)
def test_as_argument(value: Any, text: str) -> None:
    assert as_argument(value) == text


def test_dates_follow_the_business_timezone() -> None:
    run = SimpleNamespace(
        run_type="scheduled",
        logical_date=datetime(2026, 11, 22, 18, tzinfo=UTC),
        run_after=datetime(2026, 11, 22, 18, tzinfo=UTC),
        start_date=datetime(2026, 11, 25, 14, 59, tzinfo=UTC),
    )
    macros = dag_macros("Asia/Tokyo")
    params = {"score_date": None, "push_mode": None}
    assert macros["score_date"](run, params) == "2026-11-23"
    assert macros["scored_at"](run) == "2026-11-22T18:00:00Z"
    setting = SimpleNamespace(push_mode="all", max_push_age_days=2)
    assert macros["push_mode"](run, params, setting) == "all"
    run.start_date = datetime(2026, 11, 25, 15, tzinfo=UTC)  # midnight in Tokyo
    assert macros["push_mode"](run, params, setting) == "dry_run"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"limit": 0}, "limit: expected a whole number of at least 1, got 0"),
        ({"max_requests_per_second": 0.0}, "max_requests_per_second: expected a number above 0, got 0.0"),
        ({"push_mode": "some"}, "push_mode: expected one of all, changed, retry_rejected, dry_run, got a str"),
        ({"score_date": 20261123}, "score_date: expected a date as YYYY-MM-DD, got 20261123"),
        ({"resend_delivered": "yes"}, "resend_delivered: expected true or false, got a str"),
    ],
)
def test_an_invalid_param_fails_without_retry(params: dict[str, Any], message: str) -> None:
    with pytest.raises(AirflowFailException, match=f"^the run was started with invalid params: {re.escape(message)}$"):
        trigger_params(params)


def test_a_missing_variable_fails_without_retry() -> None:
    var: dict[str, Any] = {"value": {}}
    with pytest.raises(AirflowFailException, match="Variable 'engagement' does not exist"):
        settings(var)

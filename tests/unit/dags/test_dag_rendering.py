"""Templates of the tasks, rendered as the worker does, for each kind of run."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from engagement.checks.drift import THRESHOLDS
from engagement.contract.arguments import PUSH_ARGUMENTS, SCORE_ARGUMENTS

LATER = datetime(2026, 11, 23, 14, 30, 7, 250_000, tzinfo=UTC)
KINDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "scheduled": ({}, "2026-11-23", "2026-11-23T03:00:00Z"),
    "backfill": (
        {
            "run_type": "backfill",
            "run_id": "backfill__2026-11-21T03:00:00+00:00",
            "logical_date": datetime(2026, 11, 21, 3, tzinfo=UTC),
            "run_after": datetime(2026, 11, 21, 3, tzinfo=UTC),
            "start_date": LATER,
        },
        "2026-11-21",
        "2026-11-21T03:00:00Z",
    ),
    "manual with a logical date": (
        {
            "run_type": "manual",
            "run_id": "manual__2026-11-22T10:00:00+00:00",
            "logical_date": datetime(2026, 11, 22, 10, tzinfo=UTC),
            "run_after": LATER,
            "start_date": LATER,
        },
        "2026-11-22",
        "2026-11-23T14:30:07Z",
    ),
    "manual without one": (
        {
            "run_type": "manual",
            "run_id": "manual__2026-11-23T14:30:07+00:00_x",
            "logical_date": None,
            "run_after": LATER,
            "start_date": LATER,
        },
        "2026-11-23",
        "2026-11-23T14:30:07Z",
    ),
    "manual for another day": (
        {
            "run_type": "manual",
            "run_id": "manual__2026-11-23T14:30:07+00:00_y",
            "logical_date": None,
            "run_after": LATER,
            "start_date": LATER,
            "conf": {"score_date": "2026-11-22"},
        },
        "2026-11-22",
        "2026-11-23T14:30:07Z",
    ),
}
kinds = pytest.mark.parametrize("kind", sorted(KINDS))


@kinds
def test_all_tasks_use_the_same_score_date(render: Callable[..., Any], kind: str) -> None:
    run, day, _ = KINDS[kind]
    sensor = render("wait_for_activity", **run)
    assert (sensor.bucket_name, sensor.bucket_key) == ("activity-bucket", f"activity/dt={day}/activity.parquet")
    check = render("check_activity", **run)
    assert (check.bucket_name, check.key) == (sensor.bucket_name, sensor.bucket_key)
    assert render("check_scores", **run).score_date == day
    assert render("push_scores", **run).script_args["--score_date"] == day
    assert render("summarize_responses", **run).score_date == day


@kinds
def test_arguments_of_the_scoring_job(render: Callable[..., Any], checked: dict[str, Any], kind: str) -> None:
    run, day, scored_at = KINDS[kind]
    task = render("score_users", **run)
    assert task.job_name == "engagement-score-users"
    assert task.script_args == {
        "--score_date": day,
        "--scored_at": scored_at,
        "--run_id": run.get("run_id", "scheduled__2026-11-23T03:00:00+00:00"),
        "--input_uri": checked["input_uri"],
        "--input_etags": checked["input_etags"],
        "--output_bucket": "output-bucket",
        "--weights_uri": "default",
        "--max_invalid_fraction": "0.05",
        "--stall_timeout_seconds": "900",
    }


def test_arguments_of_the_push_job(render: Callable[..., Any]) -> None:
    task = render("push_scores")
    assert task.job_name == "engagement-push-scores"
    assert task.script_args == {
        "--score_date": "2026-11-23",
        "--run_id": "scheduled__2026-11-23T03:00:00+00:00",
        "--output_bucket": "output-bucket",
        "--base_url": "https://crm.example.com",
        "--crm_uri": "default",
        "--proxy_url": "none",
        "--no_proxy": "none",
        "--ca_uri": "none",
        "--secret_id": "engagement/crm",
        "--push_mode": "all",
        "--resend_delivered": "false",
        "--ignore_retry_after": "false",
        "--limit": "none",
        "--max_requests_per_second": "50",
        "--push_tasks": "4",
        "--max_concurrency": "64",
        "--max_attempts": "5",
        "--request_timeout_seconds": "30",
        "--deadline_seconds": "9000",
        "--unavailable_timeout_seconds": "600",
        "--max_retry_after_seconds": "86400",
        "--max_failed_fraction": "0.01",
        "--allow_http": "false",
    }


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("{year}/{month}/{day}.parquet", "2026/11/23.parquet"),
        ("{previous_date}/_SUCCESS", "2026-11-22/_SUCCESS"),
        ("in/{score_date}", "in/2026-11-23"),
    ],
)
def test_sensor_and_check_wait_for_the_same_key(
    render: Callable[..., Any], variable: Callable[..., None], pattern: str, key: str
) -> None:
    variable(activity_key=pattern)
    assert render("wait_for_activity").bucket_key == render("check_activity").key == key


def test_a_wrong_key_fails_before_the_sensor_waits(render: Callable[..., Any], variable: Callable[..., None]) -> None:
    variable(activity_key="in/{score_date}/*.parquet")
    with pytest.raises(AirflowFailException, match="activity_key: expected an S3 key with the date as"):
        render("wait_for_activity")


def test_params_override_settings(render: Callable[..., Any], variable: Callable[..., None]) -> None:
    variable(max_requests_per_second=20, push_mode="changed", allow_http=True, max_failed_fraction=1e-05)
    flags = {"resend_delivered": True, "ignore_retry_after": True}
    params = {"push_mode": "retry_rejected", "max_requests_per_second": 0.5, "limit": 7, **flags}
    without_params = render("push_scores").script_args
    with_params = render("push_scores", run_type="manual", conf=params).script_args
    names = (
        "--push_mode",
        "--max_requests_per_second",
        "--limit",
        "--resend_delivered",
        "--ignore_retry_after",
        "--allow_http",
        "--max_failed_fraction",
    )
    assert [without_params[name] for name in names] == ["changed", "20", "none", "false", "false", "true", "0.00001"]
    assert [with_params[name] for name in names] == ["retry_rejected", "0.5", "7", "true", "true", "true", "0.00001"]


def test_the_way_to_the_crm_is_passed_to_the_push_job(
    render: Callable[..., Any], variable: Callable[..., None]
) -> None:
    settings = {
        "crm_uri": "s3://artifacts/crm/ours.json",
        "egress_url": "http://proxy.example.com:3128",
        "direct_hosts": ".example.com,10.0.0.0/8",
        "ca_uri": "s3://artifacts/crm/authorities.pem",
    }
    variable(**settings)
    arguments = render("push_scores").script_args
    names = ("--crm_uri", "--proxy_url", "--no_proxy", "--ca_uri")
    assert [arguments[name] for name in names] == list(settings.values())


@pytest.mark.parametrize(("task_id", "names"), [("score_users", SCORE_ARGUMENTS), ("push_scores", PUSH_ARGUMENTS)])
def test_arguments_match_the_contract_and_are_not_empty(
    dag: Any, render: Callable[..., Any], task_id: str, names: tuple[str, ...]
) -> None:
    assert tuple(dag.get_task(task_id).script_args) == tuple(f"--{name}" for name in names)
    values = render(task_id).script_args.values()
    assert {type(value) for value in values} == {str}
    assert all(values)


def test_the_other_operators_get_the_settings(render: Callable[..., Any], variable: Callable[..., None]) -> None:
    variable(min_rows=10, max_row_drop_fraction=0.25, max_score_drift=1, dpu_hour_usd=0.3, report_url="http://r/{key}")
    scores, summary = render("check_scores"), render("summarize_responses")
    assert (scores.bucket_name, scores.skip_drift_checks, tuple(scores.thresholds)) == (
        "output-bucket",
        "false",
        THRESHOLDS,
    )
    rendered = [
        scores.thresholds[name] for name in ("min_rows", "max_row_drop_fraction", "max_score_drift", "warn_score_drift")
    ]
    assert rendered == ["10", "0.25", "1", "0.1"]
    skipping = render("check_scores", run_type="manual", conf={"skip_drift_checks": True})
    assert skipping.skip_drift_checks == "true"
    assert (summary.output_bucket, summary.push_mode, summary.push_mode_reason) == ("output-bucket", "all", "")
    assert (summary.score_job_name, summary.push_job_name) == ("engagement-score-users", "engagement-push-scores")
    assert (summary.dpu_hour_usd, summary.max_failed_fraction) == ("0.3", "0.01")
    assert (summary.report_url, summary.timezone) == ("http://r/{key}", "UTC")
    assert summary.run_id == "scheduled__2026-11-23T03:00:00+00:00"


OLD = {
    "run_type": "backfill",
    "logical_date": datetime(2026, 11, 20, 3, tzinfo=UTC),
    "run_after": datetime(2026, 11, 20, 3, tzinfo=UTC),
    "start_date": LATER,
}


@pytest.mark.parametrize("task_id", ["check_activity", "summarize_responses"])
def test_an_old_date_is_only_planned_with_a_warning(
    render: Callable[..., Any], caplog: pytest.LogCaptureFixture, task_id: str
) -> None:
    assert render(task_id, **OLD).push_mode == "dry_run"
    assert "NOTHING WILL BE SENT" in caplog.text
    assert "3 days old" in caplog.text


def test_an_old_date_is_sent_with_an_explicit_push_mode(render: Callable[..., Any]) -> None:
    assert render("push_scores", **OLD).script_args["--push_mode"] == "dry_run"
    assert render("push_scores", **OLD, conf={"push_mode": "all"}).script_args["--push_mode"] == "all"
    assert "3 days old" in render("summarize_responses", **OLD).push_mode_reason


def test_the_age_counts_from_run_after_at_the_earliest(
    render: Callable[..., Any],
) -> None:
    # `airflow dags test` sets start_date to the logical date.
    run = {**OLD, "run_type": "manual", "run_after": LATER, "start_date": OLD["logical_date"]}
    assert render("push_scores", **run).script_args["--push_mode"] == "dry_run"


def test_a_backfill_with_a_score_date_fails(render: Callable[..., Any]) -> None:
    with pytest.raises(AirflowFailException, match="given to a backfill"):
        render("wait_for_activity", run_type="backfill", conf={"score_date": "2026-11-22"})


@pytest.mark.parametrize("task_id", ["wait_for_activity", "push_scores"])
def test_a_misspelled_param_fails_with_a_suggestion(render: Callable[..., Any], task_id: str) -> None:
    # Airflow accepts any name, so a misspelled dry run would send.
    with pytest.raises(AirflowFailException, match=r"push_mod is not a known name; did you mean push_mode\?"):
        render(task_id, run_type="manual", conf={"push_mod": "dry_run"})


@pytest.mark.parametrize("task_id", ["wait_for_activity", "push_scores", "summarize_responses"])
def test_invalid_settings_fail_without_retry(
    render: Callable[..., Any], variable: Callable[..., None], task_id: str
) -> None:
    variable(credential_id=None, max_atempts=3)
    with pytest.raises(AirflowFailException, match=r"credential_id: required.*max_atempts .*did you mean max_attempts"):
        render(task_id)


def test_the_variable_is_read_once_per_task(render: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.execution_time import context

    real, calls = context._get_variable, []

    def count(key: str, *args: Any, **kwargs: Any) -> Any:
        calls.append(key)
        return real(key, *args, **kwargs)

    monkeypatch.setattr(context, "_get_variable", count)
    render("push_scores")
    assert calls == ["engagement"]

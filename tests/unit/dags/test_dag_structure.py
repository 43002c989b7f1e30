"""Structure of the DAG: order of tasks, timeouts, pools and params."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

GLUE_TIMEOUT_MINUTES = {"score_users": 30, "push_scores": 180}


def test_tasks_form_one_chain(dag: Any) -> None:
    tasks = [
        (t.task_id, *t.upstream_task_ids, type(t).__name__, t.trigger_rule.value, t.pool, t.pool_slots, t.retries)
        for t in dag.topological_sort()
    ]
    assert tasks == [
        ("wait_for_activity", "S3KeySensor", "all_success", "default_pool", 1, 3),
        ("check_activity", "wait_for_activity", "CheckExtractOperator", "all_success", "default_pool", 1, 3),
        ("score_users", "check_activity", "GlueJobOperator", "all_success", "engagement", 1, 1),
        ("check_scores", "score_users", "CheckScoresOperator", "all_success", "default_pool", 1, 3),
        ("push_scores", "check_scores", "GlueJobOperator", "all_success", "engagement", 1, 2),
        ("summarize_responses", "push_scores", "SummarizeApiResponsesOperator", "all_done", "default_pool", 1, 3),
    ]


def test_schedule(dag: Any) -> None:
    timetable = dag.timetable
    assert type(timetable).__name__ == "CronTriggerTimetable"
    assert (timetable.expression, str(timetable.timezone)) == ("0 3 * * *", "UTC")
    assert dag.catchup is False
    assert dag.max_active_runs == 3
    assert dag.start_date.isoformat() == "2026-01-01T00:00:00+00:00"


def test_the_sensor_waits_for_one_exact_key(dag: Any) -> None:
    sensor = dag.get_task("wait_for_activity")
    assert sensor.deferrable is True
    assert sensor.mode == "reschedule"
    assert (sensor.check_fn, sensor.wildcard_match, sensor.use_regex, sensor.soft_fail) == (None, False, False, False)
    assert (sensor.timeout, sensor.poke_interval) == (12 * 3600, 60)


@pytest.mark.parametrize("task_id", sorted(GLUE_TIMEOUT_MINUTES))
def test_airflow_waits_longer_than_the_glue_timeout(dag: Any, task_id: str) -> None:
    task = dag.get_task(task_id)
    at_least = timedelta(minutes=GLUE_TIMEOUT_MINUTES[task_id] + 10)
    assert timedelta(seconds=task.waiter_delay * task.waiter_max_attempts) >= at_least
    assert task.execution_timeout >= at_least
    assert task.job_poll_interval == task.waiter_delay == 30


@pytest.mark.parametrize("task_id", sorted(GLUE_TIMEOUT_MINUTES))
def test_glue_jobs_are_started_never_created(dag: Any, task_id: str) -> None:
    task = dag.get_task(task_id)
    assert (task.deferrable, task.verbose, task.resume_glue_job_on_retry) == (True, False, True)
    assert task.wait_for_completion is True
    # If a worker is shut down, the Glue run continues and the retry attaches to it.
    assert task.stop_job_run_on_kill is False
    assert (task.script_location, task.iam_role_name, task.iam_role_arn, task.create_job_kwargs) == (None,) * 4


def test_push_retries_with_exponential_backoff(dag: Any) -> None:
    task = dag.get_task("push_scores")
    assert task.retry_delay == timedelta(minutes=10)
    assert task.retry_exponential_backoff == 2
    assert task.retry_exponential_backoff is not True


def test_the_last_task_emits_an_asset(dag: Any) -> None:
    assert [asset.name for asset in dag.get_task("summarize_responses").outlets] == ["customer_engagement_responses"]


def test_params_have_defaults_titles_and_descriptions(dag: Any) -> None:
    params = {name: dag.params.get_param(name) for name in dag.params}
    assert {name: param.value for name, param in params.items()} == {
        "score_date": None,
        "push_mode": None,
        "max_requests_per_second": None,
        "limit": None,
        "skip_drift_checks": False,
        "resend_delivered": False,
        "ignore_retry_after": False,
    }
    assert all(param.description and param.schema["title"] for param in params.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score_date", "2026-11-23"),
        ("push_mode", "retry_rejected"),
        ("max_requests_per_second", 0.5),
        ("limit", 1),
        ("skip_drift_checks", True),
        ("resend_delivered", True),
        ("ignore_retry_after", True),
    ],
)
def test_a_valid_param_is_accepted(dag: Any, name: str, value: Any) -> None:
    assert copy.deepcopy(dag.params).get_param(name).resolve(value) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score_date", "2026-02-30"),
        ("score_date", "23.11.2026"),
        ("score_date", 20261123),
        ("push_mode", "everything"),
        ("max_requests_per_second", 0),
        ("max_requests_per_second", "50"),
        ("limit", 0),
        ("limit", 1.5),
        ("skip_drift_checks", "yes"),
        ("resend_delivered", None),
        ("resend_delivered", "yes"),
        ("ignore_retry_after", "yes"),
    ],
)
def test_an_invalid_param_is_rejected(dag: Any, name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        copy.deepcopy(dag.params).get_param(name).resolve(value)


def test_the_dag_survives_serialization(dag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    copy = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
    assert set(copy.task_dict) == set(dag.task_dict)
    assert copy.timetable.summary == "0 3 * * *"

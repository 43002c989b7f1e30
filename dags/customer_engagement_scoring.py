"""
### Score user engagement and send the scores to the CRM
Every night, by default at 03:00, the DAG waits for the extract of the day. A Glue job scores each user from 0 to 100.
The DAG checks the scores, and a second Glue job sends them to the CRM. The last task summarizes the run and publishes
to SNS.

| | |
|---|---|
| **Input** | `s3://<activity_bucket>/activity/dt=<date>/activity.parquet` |
| **Output** | `scores/ invalid/ responses/ delivered/ summaries/ dry_runs/` in `s3://<output_bucket>/` |
| **Settings** | Airflow Variable `engagement`, read when a task runs; section `[engagement]` of the configuration |
| **Params** | all optional; the trigger form explains each one. Empty means: as in a scheduled run |
| **Owner** | the team that owns the CRM integration |

**Date.** A run scores the day of its logical date in the business timezone, or the param `score_date`. Dates older than
`max_push_age_days` are only planned (`dry_run`), unless the run has a `push_mode`.

**If a run fails**, read the log of `summarize_responses` first. Its message starts with the earliest cause.
* `wait_for_activity`: the extract did not arrive in time. Clear the task once it is there.
* `check_activity`: the extract is damaged, or the CRM does not respond. Fix the cause, then clear the task.
* `score_users`: the message names the column and what was expected. Fix the input, then clear `check_activity`.
* `check_scores`: nothing was sent. Fix the cause and clear `score_users`, or raise the limit and clear the task.
* `push_scores`: Airflow retries it twice. It is always safe to clear: settled users are not sent again.
"""

from datetime import timedelta

from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG, Asset, TriggerRule

from engagement.checks.drift import THRESHOLDS
from engagement.config.dag_config import DagConfig
from engagement.config.macros import dag_filters, dag_macros, dag_params
from engagement.contract import task_failures
from engagement.notifications import callbacks
from engagement.operators.check_extract import CheckExtractOperator
from engagement.operators.check_scores import CheckScoresOperator
from engagement.operators.summarize_responses import SummarizeApiResponsesOperator

CONFIG = DagConfig.read()

with DAG(
    dag_id="customer_engagement_scoring",
    doc_md=__doc__,
    schedule=CONFIG.timetable(),
    start_date=CONFIG.start(),
    catchup=False,
    max_active_runs=CONFIG.max_active_runs,
    params=dag_params(),
    user_defined_macros=dag_macros(CONFIG.timezone),
    user_defined_filters=dag_filters(),
    default_args={"owner": "crm-integration", **CONFIG.default_args()},
    tags=["crm", "engagement", "glue"],
):
    wait_for_activity = S3KeySensor(
        task_id="wait_for_activity",
        # Separate bucket and exact key, no check_fn: the deferred sensor mishandles the other forms.
        bucket_name="{{ settings(var).activity_bucket }}",
        bucket_key="{{ activity_key(settings(var).activity_key, score_date(dag_run, params)) }}",
        deferrable=CONFIG.deferrable,
        mode="reschedule",
        poke_interval=CONFIG.sensor_poke_seconds,
        timeout=CONFIG.sensor_timeout_seconds,  # final: Airflow retries a sensor's errors, not its timeout
        on_failure_callback=task_failures.record,
    )
    check_activity = CheckExtractOperator(
        task_id="check_activity",
        bucket_name="{{ settings(var).activity_bucket }}",
        key="{{ activity_key(settings(var).activity_key, score_date(dag_run, params)) }}",
        base_url="{{ settings(var).base_url }}",
        allow_http="{{ settings(var).allow_http | as_argument }}",
        crm_uri="{{ settings(var).crm_uri }}",
        proxy_url="{{ settings(var).egress_url }}",
        no_proxy="{{ settings(var).direct_hosts }}",
        ca_uri="{{ settings(var).ca_uri }}",
        push_mode="{{ push_mode(dag_run, params, settings(var)) }}",
        execution_timeout=timedelta(minutes=5),
    )
    score_users = GlueJobOperator(
        task_id="score_users",
        job_name="{{ settings(var).score_job_name }}",
        script_args={
            "--score_date": "{{ score_date(dag_run, params) }}",
            "--scored_at": "{{ scored_at(dag_run) }}",
            "--run_id": "{{ run_id }}",
            "--input_uri": "{{ ti.xcom_pull(task_ids='check_activity')['input_uri'] }}",
            "--input_etags": "{{ ti.xcom_pull(task_ids='check_activity')['input_etags'] }}",
            "--output_bucket": "{{ settings(var).output_bucket }}",
            "--weights_uri": "{{ settings(var).weights_uri }}",
            "--max_invalid_fraction": "{{ settings(var).max_invalid_fraction | as_argument }}",
            "--stall_timeout_seconds": "{{ settings(var).stall_timeout_seconds | as_argument }}",
        },
        **CONFIG.glue_wait(CONFIG.score_wait_minutes),
        on_failure_callback=task_failures.record,
        pool=CONFIG.pool,  # one slot, which deferred tasks occupy too: one Glue job at a time, even in a backfill
        retries=CONFIG.score_retries,
    )
    check_scores = CheckScoresOperator(
        task_id="check_scores",
        bucket_name="{{ settings(var).output_bucket }}",
        score_date="{{ score_date(dag_run, params) }}",
        thresholds={name: f"{{{{ settings(var).{name} | as_argument }}}}" for name in THRESHOLDS},
        skip_drift_checks="{{ params.skip_drift_checks | as_argument }}",
        execution_timeout=timedelta(minutes=10),
    )
    push_scores = GlueJobOperator(
        task_id="push_scores",
        job_name="{{ settings(var).push_job_name }}",
        script_args={
            "--score_date": "{{ score_date(dag_run, params) }}",
            "--run_id": "{{ run_id }}",
            "--output_bucket": "{{ settings(var).output_bucket }}",
            "--base_url": "{{ settings(var).base_url }}",
            "--crm_uri": "{{ settings(var).crm_uri }}",
            "--proxy_url": "{{ settings(var).egress_url or 'none' }}",
            "--no_proxy": "{{ settings(var).direct_hosts or 'none' }}",
            "--ca_uri": "{{ settings(var).ca_uri or 'none' }}",
            "--secret_id": "{{ settings(var).credential_id }}",
            "--push_mode": "{{ push_mode(dag_run, params, settings(var)) }}",
            "--resend_delivered": "{{ params.resend_delivered | as_argument }}",
            "--ignore_retry_after": "{{ params.ignore_retry_after | as_argument }}",
            "--limit": "{{ params.limit | as_argument }}",
            "--max_requests_per_second": (
                "{{ (params.max_requests_per_second or settings(var).max_requests_per_second)|as_argument }}"
            ),
            "--push_tasks": "{{ settings(var).push_tasks | as_argument }}",
            "--max_concurrency": "{{ settings(var).max_concurrency | as_argument }}",
            "--max_attempts": "{{ settings(var).max_attempts | as_argument }}",
            "--request_timeout_seconds": "{{ settings(var).request_timeout_seconds | as_argument }}",
            "--deadline_seconds": "{{ settings(var).deadline_seconds | as_argument }}",
            "--unavailable_timeout_seconds": "{{ settings(var).unavailable_timeout_seconds | as_argument }}",
            "--max_retry_after_seconds": "{{ settings(var).max_retry_after_seconds | as_argument }}",
            "--max_failed_fraction": "{{ settings(var).max_failed_fraction | as_argument }}",
            "--allow_http": "{{ settings(var).allow_http | as_argument }}",
        },
        **CONFIG.glue_wait(CONFIG.push_wait_minutes),
        on_failure_callback=task_failures.record,
        pool=CONFIG.pool,
        retries=CONFIG.push_retries,
        retry_delay=timedelta(seconds=CONFIG.push_retry_delay_seconds),
        retry_exponential_backoff=2,  # a factor; True would mean 1, so no growth
    )
    summarize_responses = SummarizeApiResponsesOperator(
        task_id="summarize_responses",
        score_date="{{ score_date(dag_run, params) }}",
        output_bucket="{{ settings(var).output_bucket }}",
        score_job_name="{{ settings(var).score_job_name }}",
        push_job_name="{{ settings(var).push_job_name }}",
        push_mode="{{ push_mode(dag_run, params, settings(var)) }}",
        activity_uri=f"s3://{wait_for_activity.bucket_name}/{wait_for_activity.bucket_key}",
        push_mode_reason="{{ push_mode_reason(dag_run, params, settings(var)) }}",
        max_failed_fraction="{{ settings(var).max_failed_fraction | as_argument }}",
        dpu_hour_usd="{{ settings(var).dpu_hour_usd | as_argument }}",
        report_url="{{ settings(var).report_url }}",
        timezone=CONFIG.timezone,
        trigger_rule=TriggerRule.ALL_DONE,
        execution_timeout=timedelta(minutes=30),
        outlets=[Asset("customer_engagement_responses")],
        on_success_callback=callbacks.on_success,
        on_failure_callback=callbacks.on_failure,
    )

    wait_for_activity >> check_activity >> score_users >> check_scores >> push_scores >> summarize_responses

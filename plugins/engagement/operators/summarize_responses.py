"""The last task of the DAG: what happened, told truthfully, wherever the run broke."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws import glue_runs
from engagement.aws.s3 import Bucket
from engagement.contract import s3_keys, task_failures
from engagement.contract.arguments import DRY_RUN, PushMode
from engagement.contract.summary import Checks, Summary
from engagement.operators.report_link import DeliveryReportLink, report_url
from engagement.summary import builder, findings, report, run_artifacts, xcom


class SummarizeApiResponsesOperator(BaseOperator):
    """
    Sums up one run: stops what still runs in Glue, writes summary and report, passes or fails the DAG run.

    It wants trigger rule `all_done`. Earlier tasks are those upstream of it. The run fails when one of them
    is not `success`, a manifest is missing, of another run or breaks the conservation law, or more customers
    were not reached than allowed. That failure is final; trouble with S3 or Glue is raised for a retry. On
    failure, too, the summary is pushed as `return_value` and the report linked. Once it is written, the whole
    summary is in `summary`, for the task's callbacks.

    :param score_date: day of the scores, YYYY-MM-DD (templated)
    :param output_bucket: bucket of manifests, aggregates, summary and report (templated)
    :param score_job_name: Glue job that task `score_users` runs (templated)
    :param push_job_name: Glue job that task `push_scores` runs (templated)
    :param activity_uri: where the extract was waited for (templated, default empty)
    :param push_mode: mode of the push; `dry_run` writes under `dry_runs/` only (templated)
    :param push_mode_reason: why the mode is not the usual one, for people (templated, default empty)
    :param max_failed_fraction: share of customers not reached that is still a success, 0 to 1 (templated)
    :param dpu_hour_usd: price of a Glue DPU-hour in US dollars (templated)
    :param report_url: URL of the report with `{bucket}` and `{key}` (templated, default the S3 console)
    :param timezone: IANA name of the timezone in which the report tells times (templated, default UTC)
    :param run_id: id of the DAG run (templated, default the running one)
    :param stop_wait_seconds: how long to wait for Glue runs that had to be stopped (default 180)
    :param stop_poll_seconds: pause between looks at them (default 5)
    :param aws_conn_id: Airflow connection for AWS (templated, default `aws_default`)
    :param region_name: AWS region (templated, default the connection's)
    """

    template_fields: Sequence[str] = (
        "score_date",
        "output_bucket",
        "score_job_name",
        "push_job_name",
        "activity_uri",
        "push_mode",
        "push_mode_reason",
        "max_failed_fraction",
        "dpu_hour_usd",
        "report_url",
        "timezone",
        "run_id",
        "aws_conn_id",
        "region_name",
    )
    operator_extra_links = (DeliveryReportLink(),)
    ui_color = "#d5efe6"

    def __init__(
        self,
        *,
        score_date: str,
        output_bucket: str,
        score_job_name: str,
        push_job_name: str,
        push_mode: str,
        activity_uri: str = "",
        push_mode_reason: str = "",
        max_failed_fraction: float | str = 0.01,
        dpu_hour_usd: float | str = 0.44,
        report_url: str | None = None,
        timezone: str = "UTC",
        run_id: str = "{{ run_id }}",
        stop_wait_seconds: int = 180,
        stop_poll_seconds: int = 5,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.score_date = score_date
        self.output_bucket = output_bucket
        self.score_job_name = score_job_name
        self.push_job_name = push_job_name
        self.activity_uri = activity_uri
        self.push_mode = push_mode
        self.push_mode_reason = push_mode_reason
        self.max_failed_fraction = max_failed_fraction
        self.dpu_hour_usd = dpu_hour_usd
        self.report_url = report_url
        self.timezone = timezone
        self.run_id = run_id
        self.stop_wait_seconds = stop_wait_seconds
        self.stop_poll_seconds = stop_poll_seconds
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.summary: Summary | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """
        Write summary and report.

        :return: the summary, cut down to at most 8 KB; keys are those of `contract.summary.Summary`
        :raises AirflowFailException: the run is not a success; leads with the earliest cause
        :raises AirflowException: Glue could not be asked or a Glue run would not stop; worth a retry
        """
        self.summary = None
        s3 = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        store = Bucket(s3.conn, self.output_bucket)
        found = self._look(context, store)
        found_faults = findings.evaluate_run(found, float(self.max_failed_fraction))
        keys = s3_keys.summary_prefix(self.score_date, self.run_id, dry_run=self.push_mode == DRY_RUN)
        whole = builder.build(
            found,
            found_faults,
            max_failed_fraction=float(self.max_failed_fraction),
            dpu_hour_usd=float(self.dpu_hour_usd),
            mode_reason=self.push_mode_reason,
            report_key=f"{keys}.html",
            report_url=report_url(
                self.report_url,
                self.output_bucket,
                f"{keys}.html",
                region=s3.conn_region_name,
                partition=s3.conn_partition,
            ),
        )
        self._write(store, keys, whole)
        self.summary = whole
        self.delivery_report_url = whole.report_url
        result = xcom.compact(whole)
        if found_faults:
            # A task that fails returns nothing, but whoever is told of the failure wants the numbers.
            context["ti"].xcom_push(key="return_value", value=result)
            self._fail(whole, found)
        self.log.info("%s Report: %s", whole.headline, whole.report_url)
        return result

    def _look(self, context: Context, store: Bucket) -> run_artifacts.RunArtifacts:
        dry_run = self.push_mode == DRY_RUN
        glue = glue_runs.stop_active(
            AwsBaseHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, client_type="glue").conn,
            [self.score_job_name, self.push_job_name],
            self.run_id,
            wait_seconds=self.stop_wait_seconds,
            poll_seconds=self.stop_poll_seconds,
        )
        for stopped in glue.stopped:
            self.log.warning("Glue run %s was still active after its task had ended; stopped it", stopped)
        if dry_run:
            self.log.warning("NOTHING WAS SENT, this is a dry run. %s", self.push_mode_reason)
        delivery = run_artifacts.read_delivery(store, self.score_date, self.run_id, dry_run=dry_run)
        by_attempt, broken = run_artifacts.read_aggregates(
            store, self.score_date, self.run_id, delivery=delivery, glue=glue, dry_run=dry_run
        )
        scores = run_artifacts.read_scores(store, self.score_date, self.run_id)
        tasks = self._states(context)
        jobs = {findings.SCORE_TASK: self.score_job_name, findings.PUSH_TASK: self.push_job_name}
        return run_artifacts.RunArtifacts(
            dag_id=context["ti"].dag_id,
            run_id=self.run_id,
            score_date=self.score_date,
            mode=cast("PushMode", self.push_mode),  # rendered from a setting or a param of that type
            tasks=tasks,
            glue=glue,
            latest_glue_runs={task: run for task, job in jobs.items() if (run := glue.latest(job))},
            scores=scores,
            checks=_checked(context) if tasks.get(findings.CHECK_TASK) == "success" else None,
            recent_histograms=run_artifacts.read_recent_histograms(store, self.score_date) if scores.body else {},
            delivery=delivery,
            aggregates=by_attempt,
            broken_aggregates=broken,
            has_open_rows=dry_run and run_artifacts.has_open_rows(store, self.score_date, self.run_id),
            task_errors=self._task_errors(context, [task for task, state in tasks.items() if state == "failed"]),
        )

    def _task_errors(self, context: Context, failed: list[str]) -> dict[str, str]:
        # The sensor is Airflow's own and leaves no message.
        nothing_came = f"there is no extract at {self.activity_uri} at the end of the wait"
        waited = {findings.WAIT_TASK: nothing_came} if findings.WAIT_TASK in failed and self.activity_uri else {}
        return waited | task_failures.read_reasons(context, failed)

    def _states(self, context: Context) -> dict[str, str | None]:
        ti, dag = context["ti"], context["dag"]
        states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
        earlier = context["task"].get_flat_relative_ids(upstream=True)
        # A task has more tasks before it than any of those: that number puts them into the order of running.
        depth = {task: len(dag.get_task(task).get_flat_relative_ids(upstream=True)) for task in earlier}
        return {
            task: None if (state := states.get(task)) is None else task_failures.state_name(state)
            for task in sorted(earlier, key=lambda task: (depth[task], task))
        }

    def _write(self, store: Bucket, keys: str, whole: Summary) -> None:
        text = whole.model_dump_json(indent=1) + "\n"
        store.write(f"{keys}.html", report.render(whole, self.timezone), "text/html")
        store.write(f"{keys}.json", text, "application/json")
        if self.push_mode != DRY_RUN:
            store.write(s3_keys.latest_summary(self.score_date), text, "application/json")

    def _fail(self, whole: Summary, found: run_artifacts.RunArtifacts) -> None:
        counts = ", ".join(f"{name} {n:,}" for name, n in whole.outcomes.by_name().items() if n) or "none"
        more = len(whole.findings) - 1
        message = (
            f"{whole.headline} Outcomes of {whole.rows:,} scored rows: {counts}."
            f"{f' {more} more finding(s) in the report.' if more else ''}"
            f" Next: {whole.findings[0].advice}"
            f" Report: s3://{self.output_bucket}/{whole.report_key}"
        )
        if found.glue.error:
            raise AirflowException(message)
        raise AirflowFailException(message)


def _checked(context: Context) -> Checks | None:
    # What an earlier try of it returned is there until it begins again, hence only after a success.
    returned = context["ti"].xcom_pull(task_ids=findings.CHECK_TASK)
    if returned is None:
        return None  # XComs can be deleted
    return Checks(warnings=tuple(returned["warnings"]), passed=tuple(returned["checks"]))

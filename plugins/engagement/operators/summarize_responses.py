"""The operator of the task ``summarize_responses``, the last one of the DAG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws import glue_runs
from engagement.aws.glue_runs import GlueRuns
from engagement.aws.s3 import Bucket
from engagement.contract import s3_keys
from engagement.contract.arguments import DRY_RUN, PushMode
from engagement.contract.outcomes import bound
from engagement.contract.summary import Summary
from engagement.operators import upstream_tasks
from engagement.operators.report_link import DeliveryReportLink, report_url
from engagement.summary import builder, findings, report, run_artifacts, xcom


class SummarizeApiResponsesOperator(BaseOperator):
    """Summarize a run: stop Glue runs that are still active, write summary and report, and pass or fail the DAG run.

    Use it as the last task, with the trigger rule ``all_done``. It evaluates all upstream tasks. The run fails in any
    of these cases:

    - an upstream task is not ``success``
    - a manifest is missing, belongs to another run or is inconsistent
    - the run is a dry run, but an earlier attempt of it left users open
    - (rejected + unknown + deferred) / rows exceeds ``max_failed_fraction``

    These failures are not retried. Errors of S3 or Glue are. A failed run has its report too, and its summary is pushed
    as ``return_value``. The attribute ``summary`` holds the full summary for the task's callbacks.

    .. note::
        The operator reads manifests and aggregates. It reads the ledger only if the push job ended without a manifest,
        and then counts its lines without keeping them.

    :param score_date: Date of the scores, YYYY-MM-DD. (templated)
    :param output_bucket: Bucket of the manifests, aggregates, summary and report. (templated)
    :param score_job_name: Glue job of the task ``score_users``. (templated)
    :param push_job_name: Glue job of the task ``push_scores``. (templated)
    :param push_mode: Push mode of the run. With ``dry_run``, everything is written under ``dry_runs/``. (templated)
    :param activity_uri: URI at which the sensor waited for the extract, for its error message. Default: empty.
        (templated)
    :param push_mode_reason: Why the push mode is not the setting's. Default: empty. (templated)
    :param max_failed_fraction: Fraction of users not reached above which the run fails, 0 to 1. Default: 0.01.
        (templated)
    :param dpu_hour_usd: Price of a Glue DPU-hour in US dollars. Default: 0.44. (templated)
    :param report_url: URL of the report, with ``{bucket}`` and ``{key}``. Default: the S3 console. (templated)
    :param timezone: IANA name of the timezone of the times in the report. Default: ``UTC``. (templated)
    :param run_id: Id of the DAG run. Default: the running one. (templated)
    :param stop_wait_seconds: Seconds to wait for Glue runs that had to be stopped. Default: 180.
    :param stop_poll_seconds: Seconds between two status checks of these runs. Default: 5.
    :param aws_conn_id: Airflow connection for AWS. Default: ``aws_default``. (templated)
    :param region_name: AWS region. Default: the connection's. (templated)
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
        """Write summary and report, then pass or fail.

        :return: the summary, shortened to at most 8 KB; keys are those of `contract.summary.Summary`
        :raises AirflowFailException: the run failed; the message starts with the earliest cause
        :raises AirflowException: the Glue runs could not be read or stopped; a retry may succeed
        """
        self.summary = None
        s3 = S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)
        bucket = Bucket(s3.conn, self.output_bucket)
        glue = run_artifacts.add_earlier_stops(bucket, f"{self._key_prefix}.json", self._stop_glue_runs())
        artifacts = self._read(context, bucket, glue)
        summary = self._evaluate(artifacts, s3)
        self._write(bucket, summary)
        self.summary = summary
        self.delivery_report_url = summary.report_url
        result = xcom.compact(summary)
        if summary.findings:
            # A failed task returns nothing, but its callbacks and other readers need the numbers.
            context["ti"].xcom_push(key="return_value", value=result)
            message = self._failure_message(summary)
            raise AirflowException(message) if artifacts.glue.error else AirflowFailException(message)
        self.log.info("%s Report: %s", summary.headline, summary.report_url)
        return result

    @property
    def _dry_run(self) -> bool:
        return self.push_mode == DRY_RUN

    @property
    def _key_prefix(self) -> str:
        return s3_keys.summary_prefix(self.score_date, self.run_id, dry_run=self._dry_run)

    def _stop_glue_runs(self) -> GlueRuns:
        runs = glue_runs.stop_active(
            AwsBaseHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name, client_type="glue").conn,
            [self.score_job_name, self.push_job_name],
            self.run_id,
            wait_seconds=self.stop_wait_seconds,
            poll_seconds=self.stop_poll_seconds,
        )
        for stopped in runs.stopped:
            self.log.warning("Stopped the Glue run %s, which was still active although its task had ended", stopped)
        if self._dry_run:
            self.log.warning("NOTHING WAS SENT, this is a dry run. %s", self.push_mode_reason)
        return runs

    def _read(self, context: Context, bucket: Bucket, glue: GlueRuns) -> run_artifacts.RunArtifacts:
        """Read everything that the run left in S3 and in Airflow."""
        delivery = run_artifacts.read_delivery_manifest(bucket, self.score_date, self.run_id, dry_run=self._dry_run)
        aggregates, broken = run_artifacts.read_aggregates(
            bucket, self.score_date, self.run_id, delivery=delivery, dry_run=self._dry_run
        )
        scores = run_artifacts.read_scores_manifest(bucket, self.score_date, self.run_id)
        states = upstream_tasks.read_states(context)
        jobs = {findings.SCORE_TASK: self.score_job_name, findings.PUSH_TASK: self.push_job_name}
        return run_artifacts.RunArtifacts(
            dag_id=context["ti"].dag_id,
            run_id=self.run_id,
            score_date=self.score_date,
            mode=cast("PushMode", self.push_mode),  # rendered from a validated setting or param
            tasks=states,
            task_errors=upstream_tasks.read_errors(context, states, self.activity_uri),
            checks=upstream_tasks.read_checks(context, states),
            glue=glue,
            latest_glue_runs={task: run for task, job in jobs.items() if (run := glue.latest(job))},
            scores=scores,
            recent_histograms=run_artifacts.read_recent_histograms(bucket, self.score_date) if scores.body else {},
            delivery=delivery,
            aggregates=aggregates,
            broken_aggregates=broken,
            has_open_users=self._dry_run and run_artifacts.has_open_users(bucket, self.score_date, self.run_id),
        )

    def _evaluate(self, artifacts: run_artifacts.RunArtifacts, s3: S3Hook) -> Summary:
        """Evaluate the run and build its summary."""
        max_failed_fraction = float(self.max_failed_fraction)
        report_key = f"{self._key_prefix}.html"
        link = report_url(
            self.report_url,
            self.output_bucket,
            report_key,
            region=s3.conn_region_name,
            partition=s3.conn_partition,
        )
        return builder.build_summary(
            artifacts,
            findings.evaluate_run(artifacts, max_failed_fraction),
            max_failed_fraction=max_failed_fraction,
            dpu_hour_usd=float(self.dpu_hour_usd),
            mode_reason=self.push_mode_reason,
            report_key=report_key,
            report_url=link,
        )

    def _write(self, bucket: Bucket, summary: Summary) -> None:
        """Write report and summary, and the date's latest summary unless this is a dry run."""
        text = summary.model_dump_json(indent=1) + "\n"
        bucket.write(f"{self._key_prefix}.html", report.render(summary, self.timezone), "text/html")
        bucket.write(f"{self._key_prefix}.json", text, "application/json")
        if not self._dry_run:
            bucket.write(s3_keys.latest_summary_key(self.score_date), text, "application/json")

    def _failure_message(self, summary: Summary) -> str:
        exact = summary.counts_complete
        counts = {name: n for name, n in summary.outcomes.by_name().items() if n}
        listed = ", ".join(f"{name} {bound(name, complete=exact)}{n:,}" for name, n in counts.items()) or "none"
        others = len(summary.findings) - 1
        more = f" {others} more finding(s) in the report." if others else ""
        return (
            f"{summary.headline} Outcomes of {summary.rows:,} scored rows: {listed}.{more}"
            f" Next: {summary.findings[0].advice} Report: s3://{self.output_bucket}/{summary.report_key}"
        )

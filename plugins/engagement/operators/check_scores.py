"""The operator of the task ``check_scores``."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws.s3 import Bucket
from engagement.checks import drift, scores_check
from engagement.checks.scores_check import CheckResult
from engagement.contract import s3_keys, task_failures
from engagement.contract.errors import AccessDeniedError
from engagement.contract.scores_manifest import ScoresManifest
from engagement.summary import run_artifacts


class CheckScoresOperator(BaseOperator):
    """Check that the scores of a date are complete, belong to this run, and look like those of earlier dates.

    A failed check fails the task at once, without retries, and nothing is sent.

    :param bucket_name: Bucket of the scores. (templated)
    :param score_date: Date of the scores, YYYY-MM-DD. (templated)
    :param thresholds: Settings of the drift checks by name, those of ``drift.THRESHOLDS``. (templated)
    :param skip_drift_checks: ``true`` turns failed drift checks into warnings. Scores that are incomplete or belong to
        another run still fail. (templated)
    :param aws_conn_id: Airflow connection for AWS. Default: ``aws_default``.
    :param region_name: AWS region. Default: the connection's.
    """

    template_fields: Sequence[str] = ("bucket_name", "score_date", "thresholds", "skip_drift_checks")

    def __init__(
        self,
        *,
        bucket_name: str,
        score_date: str,
        thresholds: Mapping[str, str],
        skip_drift_checks: str,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.score_date = score_date
        self.thresholds = thresholds
        self.skip_drift_checks = skip_drift_checks
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the manifest, the files that it lists, and the statistics of the scores.

        :return: ``scored`` and ``invalid`` rows; ``warnings`` and ``checks`` (everything that passed), one clause each
        :raises AirflowFailException: the scores must not be sent
        :raises AirflowException: S3 denies access
        """
        try:
            return self._check(context)
        except AccessDeniedError as error:
            task_failures.record_and_raise(context, AirflowException(str(error)))

    def _check(self, context: Context) -> dict[str, Any]:
        bucket = Bucket(S3Hook(aws_conn_id=self.aws_conn_id, region_name=self.region_name).conn, self.bucket_name)
        manifest = self._read_manifest(context, bucket)
        result = self._check_files(bucket, manifest)
        if not result.problems:
            result.add(self._check_drift(bucket, manifest))
        self._log(result)
        if result.problems:
            message = (
                f"{self._folder_uri} must not be sent: {'; '.join(result.problems)}. If the scores are wrong, fix the "
                "cause and clear score_users. If they are right, raise the limit and clear check_scores, or trigger "
                "the DAG for the date with skip_drift_checks"
            )
            task_failures.record_and_raise(context, AirflowFailException(message))
        return {
            "scored": manifest.rows.scored,
            "invalid": manifest.rows.invalid,
            "warnings": result.warnings,
            "checks": result.passed,
        }

    def _read_manifest(self, context: Context, bucket: Bucket) -> ScoresManifest:
        loaded = run_artifacts.read_scores_manifest(bucket, self.score_date, context["run_id"])
        if loaded.body is None:
            message = _manifest_problem(f"s3://{self.bucket_name}/{loaded.key}", loaded)
            task_failures.record_and_raise(context, AirflowFailException(message))
        return loaded.body

    def _check_files(self, bucket: Bucket, manifest: ScoresManifest) -> CheckResult:
        folder = s3_keys.scores_prefix(self.score_date)
        sizes = {head.key.removeprefix(folder): head.size for head in bucket.list_objects(folder)}
        sizes.pop(s3_keys.MANIFEST, None)
        return scores_check.check_files(manifest, sizes)

    def _check_drift(self, bucket: Bucket, manifest: ScoresManifest) -> CheckResult:
        earlier = scores_check.read_earlier_manifests(bucket, self.score_date)
        comparable = (statistics for _, statistics in earlier if statistics)
        return drift.check_history(
            manifest.statistics,
            list(islice(comparable, drift.HISTORY_DAYS)),
            {name: float(value) for name, value in self.thresholds.items()},
            skip=self.skip_drift_checks == "true",
        )

    def _log(self, result: CheckResult) -> None:
        for check in result.passed:
            self.log.info("%s: %s", self._folder_uri, check)
        for warning in result.warnings:
            self.log.warning("%s: %s", self._folder_uri, warning)

    @property
    def _folder_uri(self) -> str:
        return f"s3://{self.bucket_name}/{s3_keys.scores_prefix(self.score_date)}"


def _manifest_problem(uri: str, loaded: run_artifacts.LoadedManifest[ScoresManifest]) -> str:
    if loaded.code == "missing":
        return (
            f"{uri} does not exist, although the scoring job has ended. The job writes it last, so it was stopped "
            "early. See its Glue log, then clear score_users"
        )
    return f"{uri} is not a usable manifest of this run: {loaded.detail.rstrip('.')}. Clear score_users"

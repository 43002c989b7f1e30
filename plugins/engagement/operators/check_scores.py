"""The operator of the task ``check_scores``."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from engagement.aws.s3 import Bucket
from engagement.checks import drift, scores_check
from engagement.contract import s3_keys, task_failures
from engagement.contract.scores_manifest import ScoresManifest
from engagement.summary import run_artifacts


class CheckScoresOperator(BaseOperator):
    """Check that the date's scores are whole, of this run, and plausible beside earlier dates.

    :param bucket_name: bucket of the scores (templated)
    :param score_date: the date (templated)
    :param thresholds: by name, those of ``drift.THRESHOLDS`` (templated)
    :param skip_drift_checks: ``true`` turns failed drift checks into warnings (templated)
    :param aws_conn_id: Airflow connection for AWS (default: ``aws_default``)
    :return: ``scored``, ``invalid``, and in one sentence each ``warnings`` and ``checks``, what was found in order
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.score_date = score_date
        self.thresholds = thresholds
        self.skip_drift_checks = skip_drift_checks
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the manifest, the files it lists, and both against history."""
        store = Bucket(S3Hook(aws_conn_id=self.aws_conn_id).conn, self.bucket_name)
        folder = s3_keys.scores_prefix(self.score_date)
        where = f"s3://{self.bucket_name}/{folder}"
        document = run_artifacts.read_scores(store, self.score_date, context["run_id"])
        manifest = document.body
        if manifest is None:
            task_failures.record_and_raise(
                context, AirflowFailException(_refusal(f"s3://{self.bucket_name}/{document.key}", document))
            )
        result = scores_check.CheckResult()
        sizes = {entry.key.removeprefix(folder): entry.size for entry in store.list_objects(folder)}
        sizes.pop(s3_keys.MANIFEST, None)
        scores_check.check_files(manifest, sizes, result)
        if not result.problems:
            thresholds = {name: float(value) for name, value in self.thresholds.items()}
            earlier = (each for _, each in scores_check.read_earlier_manifests(store, self.score_date) if each)
            history = list(islice(earlier, drift.HISTORY_DAYS))
            drift.check_history(
                manifest.statistics, history, thresholds, result, accepted=self.skip_drift_checks == "true"
            )
        for check in result.passed:
            self.log.info("%s: %s", where, check)
        for warning in result.warnings:
            self.log.warning("%s: %s", where, warning)
        if result.problems:
            refusal = (
                f"{where} must not be sent: {'; '.join(result.problems)}. If the scores are wrong, mend the "
                "cause and clear score_users; if they are right, widen the setting and clear check_scores, or "
                "trigger the DAG for the date with skip_drift_checks"
            )
            task_failures.record_and_raise(context, AirflowFailException(refusal))
        return {
            "scored": manifest.rows.scored,
            "invalid": manifest.rows.invalid,
            "warnings": result.warnings,
            "checks": result.passed,
        }


def _refusal(where: str, document: run_artifacts.LoadedManifest[ScoresManifest]) -> str:
    if document.code == "missing":
        return (
            f"{where} is missing, though the job is over: it was stopped half-way, for it writes its manifest last. "
            "See its Glue log, then clear score_users"
        )
    return f"{where} is not a manifest of this run: {document.detail}. Clear score_users"

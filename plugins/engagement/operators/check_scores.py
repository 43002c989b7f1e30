"""Two operators that stand before the expensive and the irreversible step: adapters around pure checks."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from engagement.aws.s3 import Bucket
from engagement.checks import crm_probe, drift, scores_check
from engagement.checks.extract_check import check_activity
from engagement.contract import s3_keys, task_failures
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError, ExtractError
from engagement.contract.scores_manifest import ScoresManifest
from engagement.summary import run_artifacts


class CheckActivityOperator(BaseOperator):
    """Check that the extract is a whole Parquet file and that the CRM answers.

    A bad extract fails for good; a CRM that does not answer is retried. A dry run does not need the CRM.

    :param bucket_name: bucket of the extract (templated)
    :param key: its exact key (templated)
    :param base_url: address of the CRM, without a path of the API (templated)
    :param allow_http: ``true`` permits an unencrypted CRM, for local stacks (templated)
    :param push_mode: the mode of this run (templated)
    :param aws_conn_id: Airflow connection for AWS (default: ``aws_default``)
    :return: ``input_uri``, ``input_etags`` (JSON text) and ``bytes`` of what was checked
    """

    template_fields: Sequence[str] = ("bucket_name", "key", "base_url", "allow_http", "push_mode")

    def __init__(
        self,
        *,
        bucket_name: str,
        key: str,
        base_url: str,
        allow_http: str,
        push_mode: str,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.key = key
        self.base_url = base_url
        self.allow_http = allow_http
        self.push_mode = push_mode
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, str | int]:
        """Check the extract, then the CRM."""
        try:
            checked = check_activity(Bucket(S3Hook(aws_conn_id=self.aws_conn_id).conn, self.bucket_name), self.key)
            self.log.info("%s is whole: %s bytes", checked["input_uri"], checked["bytes"])
            if self.push_mode == "dry_run":
                self.log.info("The CRM was not asked whether it is there: a dry run sends nothing")
            else:
                status = crm_probe.probe(self.base_url, allow_http=self.allow_http == "true")
                self.log.info("The CRM is there: HTTP %d", status)
        except (ExtractError, BadBaseUrlError) as error:
            task_failures.fail(context, AirflowFailException(str(error)))
        except CrmUnavailableError as error:
            task_failures.fail(context, AirflowException(str(error)))
        return checked


class CheckScoresOperator(BaseOperator):
    """Check that the date's scores are whole, of this run, and plausible beside earlier dates.

    :param bucket_name: bucket of the scores (templated)
    :param score_date: the date (templated)
    :param limits: by name, those of ``drift.LIMITS`` (templated)
    :param accept: ``true`` lets a day pass that is unlike earlier dates, never one that is not whole (templated)
    :param aws_conn_id: Airflow connection for AWS (default: ``aws_default``)
    :return: ``scored``, ``invalid``, and in one sentence each ``warnings`` and ``checks``, what was found in order
    """

    template_fields: Sequence[str] = ("bucket_name", "score_date", "limits", "accept")

    def __init__(
        self,
        *,
        bucket_name: str,
        score_date: str,
        limits: Mapping[str, str],
        accept: str,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket_name = bucket_name
        self.score_date = score_date
        self.limits = limits
        self.accept = accept
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Check the manifest, the files it lists, and both against history."""
        store = Bucket(S3Hook(aws_conn_id=self.aws_conn_id).conn, self.bucket_name)
        folder = s3_keys.scores_prefix(self.score_date)
        where = f"s3://{self.bucket_name}/{folder}"
        document = run_artifacts.read_scores(store, self.score_date, context["run_id"])
        manifest = document.body
        if manifest is None:
            task_failures.fail(
                context, AirflowFailException(_refusal(f"s3://{self.bucket_name}/{document.key}", document))
            )
        verdict = scores_check.Verdict()
        sizes = {entry.key.removeprefix(folder): entry.size for entry in store.listed(folder)}
        sizes.pop(s3_keys.MANIFEST, None)
        scores_check.check_files(manifest, sizes, verdict)
        if not verdict.problems:
            limits = {name: float(limit) for name, limit in self.limits.items()}
            earlier = (each for _, each in scores_check.earlier(store, self.score_date) if each)
            history = list(islice(earlier, drift.EARLIER_DATES))
            drift.check_history(manifest.comparable, history, limits, verdict, accepted=self.accept == "true")
        for check in verdict.checks:
            self.log.info("%s: %s", where, check)
        for warning in verdict.warnings:
            self.log.warning("%s: %s", where, warning)
        if verdict.problems:
            refusal = (
                f"{where} must not be sent: {'; '.join(verdict.problems)}. If the scores are wrong, mend the "
                "cause and clear score_users; if they are right, widen the setting and clear check_scores, or "
                "trigger the DAG for the date with skip_drift_checks"
            )
            task_failures.fail(context, AirflowFailException(refusal))
        return {
            "scored": manifest.rows.scored,
            "invalid": manifest.rows.invalid,
            "warnings": verdict.warnings,
            "checks": verdict.checks,
        }


def _refusal(where: str, document: run_artifacts.LoadedManifest[ScoresManifest]) -> str:
    if document.code == "missing":
        return (
            f"{where} is missing, though the job is over: it was stopped half-way, for it writes its manifest last. "
            "See its Glue log, then clear score_users"
        )
    return f"{where} is not a manifest of this run: {document.detail}. Clear score_users"

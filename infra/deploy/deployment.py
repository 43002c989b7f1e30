"""Deploys a release to an environment, step by step; a rollback deploys an older one. Each step skips what is done."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from infra.deploy import job_runs
from infra.deploy.account import Account
from infra.deploy.airflow import airflow_files, airflow_variable
from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.pool import ensure_pool
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases.data_format_check import refuse_older_data_format
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.smoke.smoke_runs import run_smoke
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from infra.deploy.stacks.stack_parameters import ChosenParameters
from infra.deploy.stacks.stack_policy import StackPolicy

POLICY = Path(__file__).resolve().parents[1] / "mwaa-stack-policy.json"


class Deployment:
    """One run of `deploy`.

    :param timeout_seconds: limit for active job runs and DAG runs to end
    :param allow_replacement: whether buckets and the Airflow environment may be replaced or removed
    """

    def __init__(
        self,
        target: DeployTarget,
        account: Account,
        progress: ProgressLog,
        *,
        timeout_seconds: float,
        allow_replacement: bool = False,
    ) -> None:
        self._target = target
        self._environment = target.environment
        self._account = account
        self._progress = progress
        self._timeout_seconds = timeout_seconds
        self._allow_replacement = allow_replacement
        self._stacks = StackClient(account.formation, progress)
        self._changes = ChangeSetClient(self._stacks, progress, self._environment.cloudformation_role)
        self._policy = StackPolicy(account.formation, self._environment.stack_name("mwaa"), POLICY)
        self._api = AirflowApi(account.mwaa, self._environment.name_prefix)
        self._changed_parts: list[str] = []
        self._code_changed_at: datetime | None = None

    def run(self) -> str:
        """Deploy.

        :return: the summary, for the last line of the output
        :raises DeployError: when the deployment did not complete
        """
        self._refuse_older_data_format()  # before code of an older release runs and fails
        self._target.validate()
        self._stacks.refuse_two_schedulers(self._environment)
        outputs = self._deploy_pipeline()
        store = ReleaseStore(self._account.s3, outputs["ArtifactsBucketName"])
        if self._target.scheduler == "mwaa":
            self._deploy_mwaa(outputs, store)
        elif self._target.scheduler == "workflow":
            present = self._stacks.clear_failed_creation(self._environment.stack_name("workflow"))
            self._apply("workflow", present, self._target.scheduler_parameters("workflow", outputs, {}))
        smoke_result = run_smoke(
            self._target,
            self._account,
            self._progress,
            outputs,
            force=bool(self._changed_parts),
            code_changed_at=self._code_changed_at,
            timeout_seconds=self._timeout_seconds,
        )
        subject = f"release {self._target.release.commit[:12]} in {self._environment.name}"
        if not self._changed_parts:
            return f"{subject}: nothing to change; {smoke_result}"
        return f"{subject}: deployed ({', '.join(self._changed_parts)}); {smoke_result}"

    def _refuse_older_data_format(self) -> None:
        pipeline = self._stacks.wait_until_stable(self._environment.stack_name("pipeline"))
        if pipeline and pipeline.exists:
            store = ReleaseStore(self._account.s3, pipeline.outputs["ArtifactsBucketName"])
            refuse_older_data_format(self._target.release, pipeline.release_commit, store)

    def _deploy_pipeline(self) -> dict[str, str]:
        """Upload the release, then update the pipeline stack; a new stack comes first, because it makes the bucket."""
        present = self._stacks.clear_failed_creation(self._environment.stack_name("pipeline"))
        if present:
            store = ReleaseStore(self._account.s3, present.outputs["ArtifactsBucketName"])
            self._wait_for_jobs(present)
            self._upload(store)
        stack = self._apply("pipeline", present, self._target.pipeline_parameters())
        if not present:  # no job can start before Airflow or the workflow is deployed
            self._upload(ReleaseStore(self._account.s3, stack.outputs["ArtifactsBucketName"]))
        return stack.outputs

    def _wait_for_jobs(self, pipeline: DeployedStack) -> None:
        jobs = [pipeline.outputs[name] for name in ("ScoreJobName", "PushJobName")]

        def poll() -> str | None:
            active = job_runs.active_runs(self._account.glue, jobs)
            return f"waiting for active job runs: {', '.join(active)}" if active else None

        self._progress.wait_until_done(
            poll, self._timeout_seconds, "Nothing was changed; run this again when they have ended"
        )

    def _upload(self, store: ReleaseStore) -> None:
        if names := store.upload(self._target.release):
            folder = f"s3://{store.bucket}/{self._target.release.prefix}"
            self._report(f"release: uploaded {len(names)} files to {folder}", "release")

    def _deploy_mwaa(self, outputs: dict[str, str], store: ReleaseStore) -> None:
        present = self._stacks.clear_failed_creation(self._environment.stack_name("mwaa"))
        document = self._target.variable(outputs)
        secret = airflow_variable.VariableSecret(self._account.secrets, self._environment.variable_secret)
        before = secret.read()
        # Code rejects settings that it does not know: settings are removed before the code changes, and added after it.
        if present is None or not document.keys() - (before or {}).keys():
            self._write_variable(secret, document)
        if present is None:  # a new environment needs its DAGs folder
            self._sync_dags(store)
        keys = airflow_files.choose_keys(self._target, present, store)
        self._apply("mwaa", present, self._target.scheduler_parameters("mwaa", outputs, keys))
        if self._policy.ensure():
            self._report(f"{self._environment.stack_name('mwaa')}: stack policy set", "stack policy")
        self._sync_dags(store)
        self._write_variable(secret, document)
        self._api.wait_until_available(self._progress)
        pool = self._target.dag_options()["pool"]
        if ensure_pool(self._api, pool):
            self._report(f"pool {pool}: one slot, deferred tasks count", "pool")

    def _write_variable(self, secret: airflow_variable.VariableSecret, document: dict[str, object]) -> None:
        lines = airflow_variable.differences(secret.read(), document)
        if lines:
            secret.write(document)
            for line in lines:
                self._report(f"Variable engagement: {line}", "Variable")

    def _sync_dags(self, store: ReleaseStore) -> None:
        if changes := airflow_files.sync(store, self._account.s3, self._target.release):
            self._code_changed_at = datetime.now(UTC)
            self._report(f"DAGs: {', '.join(changes)}", "DAGs")

    def _apply(self, kind: str, present: DeployedStack | None, chosen: ChosenParameters) -> DeployedStack:
        name = self._environment.stack_name(kind)
        for parameter in chosen.omitted:
            self._progress.write(f"{name}: {parameter} is omitted, because this release does not know it")
        change = self._changes.prepare(name, present, self._target.template(kind), chosen.values)
        if change is None:
            if present is None:
                raise DeployError(f"stack {name}: the template creates nothing; deploy another release")
            return present
        if not self._allow_replacement:
            try:
                change.refuse_replacement()
            except DeployError:
                self._changes.discard(change)
                raise
        for line in change.describe():
            self._progress.write(f"{name}: {line}")
        updates_mwaa = change.updates_mwaa()
        if updates_mwaa:
            self._progress.write(f"{name}: MWAA builds the Airflow environment, which takes 20 to 40 minutes")
        is_policy_in_the_way = kind == "mwaa" and present is not None and self._allow_replacement
        with self._policy.suspended() if is_policy_in_the_way else contextlib.nullcontext():
            stack = self._changes.execute(change, self._mwaa_status if kind == "mwaa" else lambda: "")
        if updates_mwaa:
            self._code_changed_at = datetime.now(UTC)
        self._report(f"{name}: {stack.status}", f"stack {name}")
        return stack

    def _mwaa_status(self) -> str:
        status = self._api.status()
        return f", MWAA {status}" if status else ""

    def _report(self, line: str, part: str) -> None:
        self._progress.write(line)
        if part not in self._changed_parts:
            self._changed_parts.append(part)

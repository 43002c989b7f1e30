"""Brings an environment to its target, step by step. Each step looks first, and does nothing where nothing is to do."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

from infra.deploy import job_runs
from infra.deploy.account import Account
from infra.deploy.airflow import airflow_files, airflow_variable
from infra.deploy.airflow.airflow_api import AirflowApi, ensure_pool
from infra.deploy.airflow.airflow_files import POOL
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.smoke.smoke_runs import run_smoke
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from infra.deploy.stacks.stack_parameters import ChosenParameters

POLICY = Path(__file__).resolve().parents[1] / "mwaa-stack-policy.json"


class Deployment:
    """One run of `deploy`.

    :param timeout_seconds: seconds to wait for job runs and DAG runs that are under way
    :param allow_replacement: whether buckets and the Airflow environment may be replaced
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
        self._api = AirflowApi(account.mwaa, self._environment.name_prefix)
        self._changed_parts: list[str] = []
        self._code_changed: datetime | None = None

    def run(self) -> str:
        """Deploy; give the line that sums it up. Raises DeployError when it could not be completed."""
        self._target.validate()
        self._stacks.refuse_two_schedulers(self._environment)
        outputs = self._pipeline()
        store = ReleaseStore(self._account.s3, outputs["ArtifactsBucketName"])
        if self._target.scheduler == "mwaa":
            self._airflow(outputs, store)
        elif self._target.scheduler == "workflow":
            self._stack(
                "workflow", self._stacks.clear_failed_creation(self._environment.stack_name("workflow")), outputs, {}
            )
        verdict = run_smoke(
            self._target, self._account, self._progress, outputs,
            force=bool(self._changed_parts), code_changed_at=self._code_changed, timeout_seconds=self._timeout_seconds,
        )  # fmt: skip
        what = f"release {self._target.release.commit[:12]} in {self._environment.name}"
        if not self._changed_parts:
            return f"{what}: nothing to change; {verdict}"
        return f"{what}: deployed ({', '.join(self._changed_parts)}); {verdict}"

    def _pipeline(self) -> dict[str, str]:
        """The pipeline stack and the release's files: files first, but for the bucket, which comes with the stack."""
        present = self._stacks.clear_failed_creation(self._environment.stack_name("pipeline"))
        if present:
            self._wait_for_jobs(present)
            self._upload(present.outputs["ArtifactsBucketName"])
        stack = self._apply("pipeline", present, self._target.pipeline_parameters())
        if not present:  # nothing can run yet
            self._upload(stack.outputs["ArtifactsBucketName"])
        return stack.outputs

    def _wait_for_jobs(self, pipeline: DeployedStack) -> None:
        jobs = [pipeline.outputs[name] for name in ("ScoreJobName", "PushJobName")]

        def poll() -> str | None:
            active = job_runs.active_runs(self._account.glue, jobs)
            return f"a job is under way: {', '.join(active)}" if active else None

        self._progress.wait_until_done(
            poll, self._timeout_seconds, "Nothing was changed; run this again once it has ended"
        )

    def _upload(self, bucket: str) -> None:
        store = ReleaseStore(self._account.s3, bucket)
        if names := store.upload(self._target.release):
            self._report(
                f"release: uploaded {len(names)} files to s3://{bucket}/{self._target.release.prefix}", "release"
            )

    def _airflow(self, outputs: dict[str, str], store: ReleaseStore) -> None:
        name = self._environment.stack_name("mwaa")
        present = self._stacks.clear_failed_creation(name)
        document = self._target.variable(outputs)
        secret = airflow_variable.VariableSecret(self._account.secrets, self._environment.variable_secret)
        before = secret.read()
        # An older release may not know a setting: what takes settings away comes before its code, what adds them after.
        if present is None or not document.keys() - (before or {}).keys():
            self._variable(secret, document)
        if present is None:  # so that a new environment finds its folder
            self._dags(store)
        self._stack("mwaa", present, outputs, airflow_files.choose_keys(self._target, present, store))
        if self._stacks.guard(name, POLICY):
            self._report(f"{name}: stack policy set", "stack policy")
        self._dags(store)
        self._variable(secret, document)
        self._api.wait_until_available(self._progress)
        if ensure_pool(self._api, POOL):
            self._report(f"pool {POOL}: one slot, deferred tasks counted", "pool")

    def _variable(self, secret: airflow_variable.VariableSecret, document: dict[str, object]) -> None:
        lines = airflow_variable.differences(secret.read(), document)
        if lines:
            secret.write(document)
            for line in lines:
                self._report(f"Variable engagement: {line}", "Variable")

    def _dags(self, store: ReleaseStore) -> None:
        if words := airflow_files.sync(store, self._account.s3, self._target.release):
            self._code_changed = datetime.now(UTC)
            self._report(f"DAGs: {', '.join(words)}", "DAGs")

    def _stack(
        self, kind: str, present: DeployedStack | None, outputs: dict[str, str], keys: dict[str, str]
    ) -> DeployedStack:
        return self._apply(kind, present, self._target.scheduler_parameters(kind, outputs, keys))

    def _apply(self, kind: str, present: DeployedStack | None, chosen: ChosenParameters) -> DeployedStack:
        name = self._environment.stack_name(kind)
        for parameter in chosen.omitted:
            self._progress.write(f"{name}: {parameter} is left out, for this release does not know it")
        change = self._changes.prepare(name, present, self._target.template(kind), chosen.values)
        if change is None:
            if present is None:
                raise DeployError(f"stack {name}: an empty template")
            return present
        if not self._allow_replacement:
            try:
                change.refuse_replacement()
            except DeployError:
                self._changes.discard(change)
                raise
        for line in change.describe():
            self._progress.write(f"{name}: {line}")
        if kind == "mwaa" and change.updates_mwaa():
            self._progress.write(f"{name}: MWAA builds Airflow's environment, which takes 20 to 40 minutes")
        guard = (
            self._stacks.unguarded(name, POLICY)
            if kind == "mwaa" and present and self._allow_replacement
            else contextlib.nullcontext()
        )
        with guard:
            stack = self._changes.execute(change, self._mwaa_status if kind == "mwaa" else lambda: "")
        if kind == "mwaa" and change.updates_mwaa():
            self._code_changed = datetime.now(UTC)
        self._report(f"{name}: {stack.status}", f"stack {name}")
        return stack

    def _mwaa_status(self) -> str:
        status = self._api.status()
        return f", MWAA {status}" if status else ""

    def _report(self, line: str, what: str) -> None:
        self._progress.write(line)
        if what not in self._changed_parts:
            self._changed_parts.append(what)

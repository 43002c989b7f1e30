"""What a deployment would do, step by step. Changes nothing but change sets, which it deletes."""

from collections.abc import Mapping

from infra.deploy import job_runs
from infra.deploy.account import Account
from infra.deploy.airflow import airflow_files, airflow_variable
from infra.deploy.airflow.airflow_api import AirflowApi, is_pool_correct
from infra.deploy.airflow.airflow_files import POOL
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.errors import AirflowError, DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from infra.deploy.stacks.stack_parameters import ChosenParameters

_LATER = "needs the outputs of the pipeline stack, which does not exist yet"


class DeploymentPlan:
    """One look at an environment and its target."""

    def __init__(self, target: DeployTarget, account: Account, progress: ProgressLog) -> None:
        self._target = target
        self._environment = target.environment
        self._account = account
        self._progress = progress
        self._stacks = StackClient(account.formation, progress)
        self._changes = ChangeSetClient(self._stacks, progress, self._environment.cloudformation_role)
        self._count = 0

    def show(self) -> str:
        """Write it, line by line; give the line that sums it up. Raises DeployError for what `deploy` would refuse."""
        self._target.validate()
        self._stacks.refuse_two_schedulers(self._environment)
        pipeline = self._stacks.wait_until_stable(self._environment.stack_name("pipeline"))
        present = pipeline if pipeline and pipeline.exists else None
        self._release(present)
        self._stack("pipeline", pipeline, self._target.pipeline_parameters())
        if present:
            self._scheduler(present.outputs)
            self._jobs(present.outputs)
        elif self._target.scheduler:
            self._report(self._environment.stack_name(self._target.scheduler), [f"created; {_LATER}"])
        what = f"release {self._target.release.commit[:12]} in {self._environment.name}"
        return f"{what}: {f'{self._count} things would change' if self._count else 'nothing to change'}"

    def _release(self, present: DeployedStack | None) -> None:
        release = self._target.release
        if not present:
            self._report(release.prefix, [f"{len(release.files)} files uploaded, once the bucket is there"])
            return
        store = ReleaseStore(self._account.s3, present.outputs["ArtifactsBucketName"])
        missing = store.missing_files(release)
        where = f"s3://{store.bucket}/{release.prefix}"
        self._report(where, [f"{len(missing)} files uploaded"] if missing else [])
        now = present.parameters.get("ArtifactsPrefix", "").split("/")
        if len(now) == 3 and now[1] != release.commit:
            manifest = store.manifest(now[1])
            other = ", ".join(release.differing_files(manifest)) if manifest else "not known"
            self._progress.write(f"{where}: not as in the present release {now[1][:12]}: {other or 'nothing'}")

    def _scheduler(self, outputs: Mapping[str, str]) -> None:
        store = ReleaseStore(self._account.s3, outputs["ArtifactsBucketName"])
        if self._target.scheduler == "workflow":
            stack = self._stacks.wait_until_stable(self._environment.stack_name("workflow"))
            self._stack("workflow", stack, self._target.scheduler_parameters("workflow", outputs, {}))
        elif self._target.scheduler == "mwaa":
            stack = self._stacks.wait_until_stable(self._environment.stack_name("mwaa"))
            keys = airflow_files.choose_keys(self._target, stack, store)
            self._stack("mwaa", stack, self._target.scheduler_parameters("mwaa", outputs, keys))
            write, delete = airflow_files.find_changes(store, self._account.s3, self._target.release)
            self._report("DAGs", [f"write {key}" for key in write] + [f"delete {key}" for key in delete])
            before = airflow_variable.VariableSecret(self._account.secrets, self._environment.variable_secret).read()
            self._report("Variable engagement", airflow_variable.differences(before, self._target.variable(outputs)))
            if stack and stack.exists:
                self._pool()

    def _stack(self, kind: str, present: DeployedStack | None, chosen: ChosenParameters) -> None:
        name = self._environment.stack_name(kind)
        for parameter in chosen.omitted:
            self._progress.write(f"{name}: {parameter} is left out, for this release does not know it")
        if present and present.status == "ROLLBACK_COMPLETE":
            self._report(name, ["its first creation failed: deleted and created again"])
            return
        change = self._changes.prepare(name, present, self._target.template(kind), chosen.values)
        if change is None:
            self._report(name, [])
            return
        try:
            self._report(name, change.describe())
            if kind == "mwaa" and change.updates_mwaa():
                self._progress.write(f"{name}: MWAA would build Airflow's environment, which takes 20 to 40 minutes")
            elif kind == "mwaa":
                self._progress.write(f"{name}: Airflow's environment would stay as it is")
            change.refuse_replacement()
        except DeployError as error:
            self._progress.write(f"deploy would REFUSE this: {error}")
        finally:
            self._changes.discard(change)

    def _pool(self) -> None:
        try:
            right = is_pool_correct(AirflowApi(self._account.mwaa, self._environment.name_prefix), POOL)
        except AirflowError as error:
            self._progress.write(f"pool {POOL}: not known now: {error}")
            return
        self._report(f"pool {POOL}", [] if right else ["one slot, deferred tasks counted"])

    def _jobs(self, outputs: Mapping[str, str]) -> None:
        active = job_runs.active_runs(self._account.glue, [outputs["ScoreJobName"], outputs["PushJobName"]])
        if active:
            self._progress.write(f"a deployment would wait: {', '.join(active)} is under way")

    def _report(self, what: str, lines: list[str]) -> None:
        self._count += len(lines)
        for line in lines or ["unchanged"]:
            self._progress.write(f"{what}: {line}")

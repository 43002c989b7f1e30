"""Shows what a deployment would do. It changes nothing; the change sets that it creates are deleted again."""

from collections.abc import Mapping

from infra.deploy import job_runs
from infra.deploy.account import Account
from infra.deploy.airflow import airflow_files, airflow_variable
from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.pool import is_pool_correct
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.errors import AirflowError, DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases.data_format_check import deployed_data_format, refuse_lower_number
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import DeployedStack, StackClient
from infra.deploy.stacks.stack_parameters import ChosenParameters


class DeploymentPlan:
    """One run of `plan`."""

    def __init__(self, target: DeployTarget, account: Account, progress: ProgressLog) -> None:
        self._target = target
        self._environment = target.environment
        self._account = account
        self._progress = progress
        self._stacks = StackClient(account.formation, progress)
        self._changes = ChangeSetClient(self._stacks, progress, self._environment.cloudformation_role)
        self._count = 0

    def show(self) -> str:
        """Write the plan, one line for each change.

        :return: the summary, for the last line of the output
        :raises DeployError: when parameters or settings are invalid, another scheduler is deployed, or the data format
            of the deployed release cannot be read
        """
        pipeline = self._stacks.wait_until_stable(self._environment.stack_name("pipeline"))
        present = pipeline if pipeline and pipeline.exists else None
        self._plan_data_format(present)  # before code of an older release runs and fails
        self._target.validate()
        self._stacks.refuse_two_schedulers(self._environment)
        self._plan_release(present)
        self._plan_stack("pipeline", pipeline, self._target.pipeline_parameters())
        if present:
            self._plan_scheduler(present.outputs)
            self._show_active_jobs(present.outputs)
        elif self._target.scheduler:
            reason = "its parameters need the outputs of the pipeline stack, which does not exist yet"
            self._report(self._environment.stack_name(self._target.scheduler), [f"created; {reason}"])
        subject = f"release {self._target.release.commit[:12]} in {self._environment.name}"
        return f"{subject}: {f'{self._count} changes' if self._count else 'nothing to change'}"

    def _plan_release(self, present: DeployedStack | None) -> None:
        release = self._target.release
        if not present:
            self._report(release.prefix, [f"{len(release.files)} files uploaded, when the bucket exists"])
            return
        store = ReleaseStore(self._account.s3, present.outputs["ArtifactsBucketName"])
        missing = store.missing_files(release)
        folder = f"s3://{store.bucket}/{release.prefix}"
        self._report(folder, [f"{len(missing)} files uploaded"] if missing else [])
        deployed = present.release_commit
        if deployed and deployed != release.commit:
            files = ", ".join(release.differing_files(store.deployed_manifest(deployed))) or "nothing"
            self._progress.write(f"{folder}: differs from the deployed release {deployed[:12]} in: {files}")

    def _plan_data_format(self, present: DeployedStack | None) -> None:
        release = self._target.release
        deployed = present.release_commit if present else None
        if not present or not deployed:
            self._progress.write(f"data format: {release.data_format}")
            return
        store = ReleaseStore(self._account.s3, present.outputs["ArtifactsBucketName"])
        deployed_format = deployed_data_format(release, deployed, store)
        self._progress.write(f"data format: {release.data_format}, deployed {deployed_format}")
        try:
            refuse_lower_number(release, deployed, deployed_format)
        except DeployError as error:
            self._progress.write(f"deploy would REFUSE this: {error}")

    def _plan_scheduler(self, outputs: Mapping[str, str]) -> None:
        store = ReleaseStore(self._account.s3, outputs["ArtifactsBucketName"])
        if self._target.scheduler == "workflow":
            stack = self._stacks.wait_until_stable(self._environment.stack_name("workflow"))
            self._plan_stack("workflow", stack, self._target.scheduler_parameters("workflow", outputs, {}))
        elif self._target.scheduler == "mwaa":
            stack = self._stacks.wait_until_stable(self._environment.stack_name("mwaa"))
            keys = airflow_files.choose_keys(self._target, stack, store)
            self._plan_stack("mwaa", stack, self._target.scheduler_parameters("mwaa", outputs, keys))
            write, delete = airflow_files.find_changes(store, self._account.s3, self._target.release)
            self._report("DAGs", [f"write {key}" for key in write] + [f"delete {key}" for key in delete])
            before = airflow_variable.VariableSecret(self._account.secrets, self._environment.variable_secret).read()
            self._report("Variable engagement", airflow_variable.differences(before, self._target.variable(outputs)))
            if stack and stack.exists:
                self._plan_pool()

    def _plan_stack(self, kind: str, present: DeployedStack | None, chosen: ChosenParameters) -> None:
        name = self._environment.stack_name(kind)
        for parameter in chosen.omitted:
            self._progress.write(f"{name}: {parameter} is omitted, because this release does not know it")
        if present and present.status == "ROLLBACK_COMPLETE":
            self._report(name, ["deleted and created again, because its first creation failed"])
            return
        change = self._changes.prepare(name, present, self._target.template(kind), chosen.values)
        if change is None:
            self._report(name, [])
            return
        try:
            self._report(name, change.describe())
            if kind == "mwaa" and change.updates_mwaa():
                self._progress.write(f"{name}: MWAA would build the Airflow environment, which takes 20 to 40 minutes")
            elif kind == "mwaa":
                self._progress.write(f"{name}: the Airflow environment would not change")
            change.refuse_replacement()
        except DeployError as error:
            self._progress.write(f"deploy would REFUSE this: {error}")
        finally:
            self._changes.discard(change)

    def _plan_pool(self) -> None:
        pool = self._target.dag_options()["pool"]
        try:
            is_correct = is_pool_correct(AirflowApi(self._account.mwaa, self._environment.name_prefix), pool)
        except AirflowError as error:
            self._progress.write(f"pool {pool}: cannot be read now: {error}")
            return
        self._report(f"pool {pool}", [] if is_correct else ["one slot, deferred tasks count"])

    def _show_active_jobs(self, outputs: Mapping[str, str]) -> None:
        active = job_runs.active_runs(self._account.glue, [outputs["ScoreJobName"], outputs["PushJobName"]])
        if active:
            self._progress.write(f"a deployment would wait for active job runs: {', '.join(active)}")

    def _report(self, subject: str, changes: list[str]) -> None:
        self._count += len(changes)
        for change in changes or ["unchanged"]:
            self._progress.write(f"{subject}: {change}")

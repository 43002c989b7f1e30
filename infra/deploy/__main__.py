"""`python -m infra.deploy {package|plan|deploy|smoke}`: the last line of the output is the result.

The exit code is 0 on success and 1 on failure.
"""

import argparse
import shutil
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.deploy.account import Account
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.deployment import Deployment
from infra.deploy.deployment_plan import DeploymentPlan
from infra.deploy.environment_file import EnvironmentFile, load_environment
from infra.deploy.errors import DeployError
from infra.deploy.progress_log import ProgressLog
from infra.deploy.releases import git_source, packaging
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.smoke.smoke_runs import run_smoke
from infra.deploy.stacks.stack_client import DeployedStack, StackClient

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENTS = REPOSITORY / "infra" / "environments"
PACKAGES = REPOSITORY / ".local" / "package"


def main() -> int:
    """Run one command; return the exit code."""
    arguments = _parser().parse_args()
    progress = ProgressLog(sys.stdout, terminal=sys.stdout.isatty())
    try:
        result = _run(arguments, progress)
    except (DeployError, ClientError, BotoCoreError) as error:
        progress.write(f"FAILED: {error}")
        return 1
    except KeyboardInterrupt:
        progress.write("INTERRUPTED: CloudFormation and MWAA continue what they started; run this again to complete it")
        return 1
    progress.write(result)
    return 0


def _run(arguments: argparse.Namespace, progress: ProgressLog) -> str:
    if arguments.command == "package":
        return _package(arguments.folder)
    environment = load_environment(arguments.env, ENVIRONMENTS)
    account = Account(environment.region)
    number = account.number()
    place = f"account {number}, {environment.region}, orchestrator {environment.orchestrator}"
    progress.write(f"environment {environment.name}: {place}")
    environment.refuse_another_account(number)
    if arguments.command == "smoke":
        return _smoke(environment, account, progress, arguments.wait * 60.0)
    target = _target(environment, account, progress, arguments.release)
    if arguments.command == "plan":
        return DeploymentPlan(target, account, progress).show()
    if sys.stdin.isatty() and sys.stdout.isatty() and not arguments.yes:
        progress.write(DeploymentPlan(target, account, progress).show())
        if input("Deploy? [y/N] ").strip().lower() not in ("y", "yes"):
            return "canceled; nothing was changed"
    deployment = Deployment(
        target,
        account,
        progress,
        timeout_seconds=arguments.wait * 60.0,
        allow_replacement=arguments.allow_replacement,
    )
    return deployment.run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.deploy",
        description="Package a commit, and deploy it to an AWS account.",
        epilog="Credentials and endpoints (AWS_ENDPOINT_URL) are taken from the environment, as by the AWS CLI.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packaged = commands.add_parser("package", help="write the release of the checked-out commit to a folder")
    packaged.add_argument("--folder", type=Path, help="default: .local/package/<commit>")
    plan = commands.add_parser("plan", help="show what deploy would change")
    deploy = commands.add_parser("deploy", help="deploy a release to an environment")
    smoked = commands.add_parser("smoke", help="start a dry run on what is deployed")
    for command in (plan, deploy, smoked):
        command.add_argument("--env", required=True, help="name of a file in infra/environments, without .toml")
    for command in (plan, deploy):
        command.add_argument("--release", help="a release in the bucket, by the start of its commit hash")
    for command in (deploy, smoked):
        command.add_argument(
            "--wait",
            type=float,
            default=30.0,
            metavar="MINUTES",
            help="limit for active job runs and DAG runs to end (30)",
        )
    deploy.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    deploy.add_argument(
        "--allow-replacement", action="store_true", help="allow buckets and the Airflow environment to be replaced"
    )
    return parser


def _package(folder: Path | None) -> str:
    release = _checked_out_release()
    folder = folder or PACKAGES / release.commit
    shutil.rmtree(folder, ignore_errors=True)
    packaging.write_release(release, folder)
    uncommitted = len(git_source.uncommitted_paths(REPOSITORY))
    warning = f"; it does NOT contain {uncommitted} uncommitted changes" if uncommitted else ""
    return f"release {release.commit}: {len(release.files)} files in {folder}{warning}"


def _target(environment: EnvironmentFile, account: Account, progress: ProgressLog, start: str | None) -> DeployTarget:
    """Return the target of `plan` and `deploy`.

    :param start: the start of a release's commit hash; None for the checked-out commit
    """
    if not start and (uncommitted := git_source.uncommitted_paths(REPOSITORY)):
        shown = ", ".join(uncommitted[:10]) + (", ..." if len(uncommitted) > 10 else "")
        raise DeployError(f"not committed: {shown}. The tool deploys a commit: commit, remove or ignore these files")
    checked_out = _checked_out_release()
    if not start:
        return DeployTarget(environment, checked_out, checked_out)
    store = ReleaseStore(account.s3, _pipeline(environment, account, progress).outputs["ArtifactsBucketName"])
    release = store.load(store.find(start))
    progress.write(f"release {release.commit}: loaded; every file has the hash in {release.prefix}/release.json")
    return DeployTarget(environment, release, checked_out)


def _smoke(environment: EnvironmentFile, account: Account, progress: ProgressLog, timeout_seconds: float) -> str:
    stack = _pipeline(environment, account, progress)
    if stack.release_commit is None:
        raise DeployError(f"stack {stack.name} does not run the code of a release: run `make deploy` first")
    release = ReleaseStore(account.s3, stack.outputs["ArtifactsBucketName"]).load(stack.release_commit)
    target = DeployTarget(environment, release, _checked_out_release())
    result = run_smoke(
        target, account, progress, stack.outputs, force=True, code_changed_at=None, timeout_seconds=timeout_seconds
    )
    return f"release {release.commit[:12]} in {environment.name}: {result}"


def _checked_out_release() -> Release:
    commit = git_source.head_commit(REPOSITORY)
    return packaging.build_release(commit, git_source.committed_files(REPOSITORY, commit))


def _pipeline(environment: EnvironmentFile, account: Account, progress: ProgressLog) -> DeployedStack:
    name = environment.stack_name("pipeline")
    stack = StackClient(account.formation, progress).find(name)
    if stack is None or "ArtifactsBucketName" not in stack.outputs:
        raise DeployError(f"stack {name} does not exist in {environment.region}: deploy without --release first")
    return stack


if __name__ == "__main__":
    sys.exit(main())

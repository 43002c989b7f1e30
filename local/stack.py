"""The world outside on free loopback ports: S3, the AWS APIs with really running Glue, and the CRM.

The stack of `infra/pipeline.yaml` is deployed through the CloudFormation API, so that buckets, jobs and their settings
have one source.
"""

import contextlib
import io
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests
from botocore.config import Config

from infra.deploy.progress_log import ProgressLog
from infra.deploy.stacks.change_sets import ChangeSetClient
from infra.deploy.stacks.stack_client import StackClient
from local import artifacts
from local.processes import REPOSITORY, running_service
from local.s3_emulator import client_env

TEMPLATE = REPOSITORY / "infra" / "pipeline.yaml"
NAME = "engagement"  # of the CloudFormation stack
SECRET_ID = "engagement/crm-token"  # noqa: S105 - its name, not its value
_CONFIG = Config(
    # As everywhere: a stand-in that sends whole-object checksums on ranged reads is not to be checked by them.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    inject_host_prefix=False,  # MWAA's API would be looked for under other names than 127.0.0.1
)


@dataclass(frozen=True)
class Emulators:
    """Where each part of the world outside answers.

    :param folder: everything that they keep; `s3/<bucket>/` below it holds the objects as files
    :param s3_fault_proxy_url: the proxy through which jobs reach S3, if there is one
    """

    folder: Path
    s3_url: str
    aws_url: str
    crm_url: str
    s3_fault_proxy_url: str | None = field(default=None, kw_only=True)

    @property
    def env(self) -> dict[str, str]:
        """Environment in which AWS clients reach them."""
        return client_env(self.s3_url, self.aws_url)

    def client(self, service: str) -> Any:
        """A boto3 client of theirs."""
        return client(service, self.s3_url if service == "s3" else self.aws_url)


@dataclass(frozen=True)
class RunningStack(Emulators):
    """A running stack: the stand-ins, and what the template made.

    :param outputs: outputs of the CloudFormation stack
    """

    outputs: dict[str, str]
    token: str = field(repr=False)

    def object_path(self, bucket: str, key: str) -> Path:
        """The file that holds an object."""
        return self.folder / "s3" / bucket / key

    def upload_activity(self, extract: Path, score_date: str) -> None:
        """Let a day's extract arrive."""
        key = f"activity/dt={score_date}/activity.parquet"
        self.client("s3").upload_file(str(extract), self.outputs["ActivityBucketName"], key)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """The Variable `engagement` for this stack."""
        return {
            "activity_bucket": self.outputs["ActivityBucketName"],
            "output_bucket": self.outputs["OutputBucketName"],
            "score_job_name": self.outputs["ScoreJobName"],
            "push_job_name": self.outputs["PushJobName"],
            "base_url": self.crm_url,
            "credential_id": SECRET_ID,
            "allow_http": True,
            "report_url": self.s3_url + "/{bucket}/{key}",
            "sns_topic_arn": self.outputs["NotificationTopicArn"],
            "metrics_namespace": self.outputs["MetricsNamespace"],
            **changes,
        }

    def crm(self, method: str, path: str, **options: Any) -> Any:
        """Ask the CRM stand-in what it knows: `crm("GET", "stats")`."""
        answer = requests.request(
            method,
            f"{self.crm_url}/_crm/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            **options,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextlib.contextmanager
def running(
    folder: Path, crm_options: Sequence[str] = (), *, s3_fault_proxy: bool = False, scheduler: bool = False
) -> Iterator[RunningStack]:
    """Start everything, deploy the template and the jobs, and end everything when the block is left.

    :param s3_fault_proxy: whether jobs reach S3 through `local.s3_fault_proxy`, whose faults can be switched
    :param scheduler: whether a scheduler of Airflow runs the jobs; for it, they start no sooner than on Glue
    """
    token = secrets.token_urlsafe(24)
    with running_emulators(folder, token, crm_options, s3_fault_proxy=s3_fault_proxy, scheduler=scheduler) as world:
        yield RunningStack(
            **vars(world), outputs=deploy(world.s3_url, world.aws_url, token, folder / "artifacts"), token=token
        )


@contextlib.contextmanager
def running_emulators(
    folder: Path, token: str, crm_options: Sequence[str] = (), *, s3_fault_proxy: bool = False, scheduler: bool = False
) -> Iterator[Emulators]:
    """Start S3, the AWS APIs and the CRM, with nothing in them, and end them when the block is left.

    :param token: what the CRM wants to see
    """
    at_once = {} if scheduler else {"LOCAL_GLUE_START_SECONDS": "0"}
    root, logs = folder / "s3", folder / "logs"
    root.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as started:
        s3_url = started.enter_context(running_service("local.s3_emulator", ["--root", str(root)], logs / "s3.log"))
        s3_fault_proxy_url = None
        if s3_fault_proxy:
            s3_fault_proxy_url = started.enter_context(
                running_service("local.s3_fault_proxy", ["--upstream", s3_url], logs / "s3_fault_proxy.log")
            )
        aws_arguments = ["--root", str(root), "--scratch", str(folder / "glue")]
        aws_arguments += ["--s3-url", s3_fault_proxy_url or s3_url]
        aws_url = started.enter_context(running_service("local.aws_emulator", aws_arguments, logs / "aws.log", at_once))
        crm_url = started.enter_context(
            running_service("local.fake_crm", crm_options, logs / "crm.log", {"CRM_TOKEN": token})
        )
        yield Emulators(folder, s3_url, aws_url, crm_url, s3_fault_proxy_url=s3_fault_proxy_url)


def client(service: str, url: str) -> Any:
    """A boto3 client of the stand-in at `url`."""
    env = client_env(url)
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=_CONFIG,
    )


def deploy(s3_url: str, aws_url: str, token: str, folder: Path) -> dict[str, str]:
    """Create the secret and the stack, and upload the jobs, built in `folder`; return the stack's outputs.

    What is deployed already is brought up to date.
    """
    outputs = deploy_template(aws_url, NAME, TEMPLATE.read_text(), {"CrmSecretArn": _store(token, aws_url)})
    s3 = client("s3", s3_url)
    for path in artifacts.build(folder):
        s3.upload_file(str(path), outputs["ArtifactsBucketName"], f"{artifacts.PREFIX}/{path.name}")
    return outputs


def deploy_template(aws_url: str, name: str, template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy a stack as the deploy tool does; return its outputs."""
    progress = ProgressLog(io.StringIO(), terminal=False)
    stacks = StackClient(client("cloudformation", aws_url), progress)
    changes = ChangeSetClient(stacks, progress)
    present = stacks.clear_failed_creation(name)
    change = changes.prepare(name, present, template, parameters)
    if change:
        return changes.execute(change).outputs
    return present.outputs if present else {}


def outputs_of(aws_url: str) -> dict[str, str]:
    """Outputs of the deployed stack."""
    (stack,) = client("cloudformation", aws_url).describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _store(token: str, aws_url: str) -> str:
    """Keep the token in Secrets Manager; return the secret's ARN."""
    manager = client("secretsmanager", aws_url)
    try:
        return str(manager.create_secret(Name=SECRET_ID, SecretString=token)["ARN"])
    except manager.exceptions.ResourceExistsException:
        return str(manager.put_secret_value(SecretId=SECRET_ID, SecretString=token)["ARN"])

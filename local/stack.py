"""The emulators on free loopback ports, with `infra/pipeline.yaml` deployed to them.

Jobs run as processes, with Spark. The template is deployed through the CloudFormation API, so that buckets, jobs and
their settings are the same as on AWS.
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
NAME = "engagement"  # the CloudFormation stack
SECRET_ID = "engagement/crm-token"  # noqa: S105 - the name of the secret, not its value
OAUTH_CLIENT_ID = "push-client"
_CONFIG = Config(
    # rclone sends the checksum of the full object with a ranged read, which botocore takes for a broken transfer.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    inject_host_prefix=False,  # otherwise botocore adds a prefix to 127.0.0.1 for MWAA's API
)


@dataclass(frozen=True, kw_only=True)
class CrmAccess:
    """What a caller of the CRM needs instead of the bearer token over http.

    :param secret: text of the secret in Secrets Manager
    :param env: environment variables of `local.fake_crm` that make it expect these credentials
    :param authority: PEM file of the authority that issued the CRM's certificate
    :param client: PEM files of the client certificate and of its key
    """

    secret: str = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    authority: Path
    client: tuple[Path, Path]


@dataclass(frozen=True)
class Emulators:
    """URLs of the S3 emulator, the AWS emulator and the fake CRM.

    :param folder: their state; `s3/<bucket>/` in it has the objects as files
    :param s3_fault_proxy_url: the proxy through which jobs reach S3, if there is one
    """

    folder: Path
    s3_url: str
    aws_url: str
    crm_url: str
    s3_fault_proxy_url: str | None = field(default=None, kw_only=True)

    @property
    def env(self) -> dict[str, str]:
        """Environment variables with which AWS clients reach the emulators."""
        return client_env(self.s3_url, self.aws_url)

    def client(self, service: str) -> Any:
        """Return a boto3 client of an emulated service."""
        return client(service, self.s3_url if service == "s3" else self.aws_url)


@dataclass(frozen=True)
class RunningStack(Emulators):
    """Emulators to which the template is deployed.

    :param outputs: outputs of the CloudFormation stack
    :param token: bearer token of the fake CRM, or only of its inspection API with another `access`
    """

    outputs: dict[str, str]
    token: str = field(repr=False)
    access: CrmAccess | None = None

    def object_path(self, bucket: str, key: str) -> Path:
        """Return the file that holds an object."""
        return self.folder / "s3" / bucket / key

    def upload_activity(self, extract: Path, score_date: str) -> None:
        """Upload the extract of a date."""
        key = f"activity/dt={score_date}/activity.parquet"
        self.client("s3").upload_file(str(extract), self.outputs["ActivityBucketName"], key)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Return the Variable `engagement` for this stack, with `changes`."""
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
        """Call the inspection API of the fake CRM, such as `crm("GET", "stats")`; return the decoded response.

        :raises requests.RequestException: when the call fails
        """
        if self.access:
            options |= {"verify": str(self.access.authority), "cert": tuple(map(str, self.access.client))}
        response = requests.request(
            method,
            f"{self.crm_url}/_crm/{path}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
            **options,
        )
        response.raise_for_status()
        return response.json() if response.content else None


@contextlib.contextmanager
def running(
    folder: Path,
    crm_options: Sequence[str] = (),
    *,
    access: CrmAccess | None = None,
    s3_fault_proxy: bool = False,
    scheduler: bool = False,
) -> Iterator[RunningStack]:
    """Start the emulators, deploy the template and the jobs, and stop everything when the block ends.

    :param folder: state and logs of the emulators
    :param crm_options: command-line options of `local.fake_crm`
    :param access: how the jobs access the CRM; None is a bearer token over http
    :param s3_fault_proxy: let jobs reach S3 through `local.s3_fault_proxy`, whose faults can be switched on
    :param scheduler: start jobs as late as Glue does, because Airflow's scheduler relies on it
    """
    token = secrets.token_urlsafe(24)
    with running_emulators(
        folder, token, crm_options, access=access, s3_fault_proxy=s3_fault_proxy, scheduler=scheduler
    ) as emulators:
        secret = access.secret if access else token
        outputs = deploy(emulators.s3_url, emulators.aws_url, secret, folder / "artifacts")
        yield RunningStack(**vars(emulators), outputs=outputs, token=token, access=access)


@contextlib.contextmanager
def running_emulators(
    folder: Path,
    token: str,
    crm_options: Sequence[str] = (),
    *,
    access: CrmAccess | None = None,
    s3_fault_proxy: bool = False,
    scheduler: bool = False,
) -> Iterator[Emulators]:
    """Start an empty S3, AWS and CRM; stop them when the block ends. The parameters are those of `running`.

    :param token: bearer token that the fake CRM accepts, and the secret of its OAuth client
    """
    glue_options = {} if scheduler else {"LOCAL_GLUE_START_SECONDS": "0"}
    crm_env = {**crm_environment(token), **(access.env if access else {})}
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
        aws_url = started.enter_context(
            running_service("local.aws_emulator", aws_arguments, logs / "aws.log", glue_options)
        )
        crm_url = started.enter_context(running_service("local.fake_crm", crm_options, logs / "crm.log", crm_env))
        yield Emulators(folder, s3_url, aws_url, crm_url, s3_fault_proxy_url=s3_fault_proxy_url)


def crm_environment(token: str) -> dict[str, str]:
    """Return the environment variables with which `local.fake_crm` accepts a token and the OAuth client."""
    return {"CRM_TOKEN": token, "CRM_OAUTH_CLIENT": f"{OAUTH_CLIENT_ID}:{token}"}


def client(service: str, url: str) -> Any:
    """Return a boto3 client of the emulator at `url`."""
    env = client_env(url)
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=_CONFIG,
    )


def deploy(s3_url: str, aws_url: str, secret: str, folder: Path) -> dict[str, str]:
    """Create or update the secret, the stack and the job code.

    :param secret: text of the secret
    :param folder: where the job code is built
    :return: outputs of the CloudFormation stack
    """
    outputs = deploy_template(aws_url, NAME, TEMPLATE.read_text(), {"CrmSecretArn": _store_secret(secret, aws_url)})
    s3 = client("s3", s3_url)
    for path in artifacts.build(folder):
        s3.upload_file(str(path), outputs["ArtifactsBucketName"], f"{artifacts.PREFIX}/{path.name}")
    return outputs


def deploy_template(aws_url: str, name: str, template: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Deploy a stack with the code of the deploy tool; return its outputs."""
    progress = ProgressLog(io.StringIO(), terminal=False)
    stacks = StackClient(client("cloudformation", aws_url), progress)
    changes = ChangeSetClient(stacks, progress)
    present = stacks.clear_failed_creation(name)
    change = changes.prepare(name, present, template, parameters)
    if change:
        return changes.execute(change).outputs
    return present.outputs if present else {}


def outputs_of(aws_url: str) -> dict[str, str]:
    """Return the outputs of the deployed stack."""
    (stack,) = client("cloudformation", aws_url).describe_stacks(StackName=NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _store_secret(secret: str, aws_url: str) -> str:
    """Write the secret to Secrets Manager; return its ARN."""
    manager = client("secretsmanager", aws_url)
    try:
        return str(manager.create_secret(Name=SECRET_ID, SecretString=secret)["ARN"])
    except manager.exceptions.ResourceExistsException:
        return str(manager.put_secret_value(SecretId=SECRET_ID, SecretString=secret)["ARN"])

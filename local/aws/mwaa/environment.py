"""MWAA environments whose Airflow really runs: AWS::MWAA::Environment, and the states that GetEnvironment tells."""

import contextlib
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import ServiceException

from local.aws.logs import LogStream
from local.aws.mwaa import artifacts
from local.aws.mwaa.airflow import Airflow
from local.aws.settings import Settings

# Members of the API's Environment that are given, and told, as they stand.
_TOLD = (
    *("AirflowConfigurationOptions", "AirflowVersion", "DagS3Path", "EndpointManagement", "EnvironmentClass"),
    *("ExecutionRoleArn", "KmsKey", "LoggingConfiguration", "MaxWebservers", "MaxWorkers", "MinWebservers"),
    *("MinWorkers", "NetworkConfiguration", "PluginsS3Path", "RequirementsS3Path", "Schedulers", "SourceBucketArn"),
    *("Tags", "WebserverAccessMode", "WeeklyMaintenanceWindowStart"),
)
# What Airflow has to be started anew for; the rest is about machines that are not here.
_RESTARTS = ("AirflowConfigurationOptions", "DagS3Path", "PluginsS3Path", "RequirementsS3Path", "SourceBucketArn")


class EnvironmentFailed(ServiceException):
    """An environment could not be made or changed; the text is what GetEnvironment tells."""

    code = "InternalServerException"


class Environment(CloudFormationModel):
    """AWS::MWAA::Environment. A change that fails leaves it as it was, UPDATE_FAILED and usable, as in MWAA."""

    settings: ClassVar[Settings]
    all: ClassVar[dict[tuple[str, str, str], "Environment"]] = {}

    def __init__(self, name: str, properties: dict[str, Any], account_id: str, region_name: str) -> None:
        self.physical_resource_id = self.name = name
        self.properties = properties
        self.key = (account_id, region_name, name)
        self.arn = f"arn:aws:airflow:{region_name}:{account_id}:environment/{name}"
        self.created = datetime.now(UTC)
        self.status = "CREATING"
        self.last_update: dict[str, Any] = {}
        self.home = self.settings.scratch / "mwaa" / f"{name}-{time.time_ns()}"
        self.airflow = Airflow(self.home, self.settings.s3_url, self.settings.aws_url)
        self._builds = 0
        self._plugins = Path()
        self._busy = threading.Lock()

    # ---- life ------------------------------------------------------------------------------------------------------

    def begin(self, properties: dict[str, Any]) -> None:
        """Bring it to these properties in the background."""
        threading.Thread(target=self._bring_to, args=(properties,), name=self.arn, daemon=True).start()

    def _bring_to(self, wanted: dict[str, Any]) -> None:
        with self._busy:
            before, creating = self.properties, self.status == "CREATING"
            try:
                if creating or any(before.get(name) != wanted.get(name) for name in _RESTARTS):
                    self._build(wanted)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is what GetEnvironment tells
                if not creating and not self.airflow.is_running:
                    with contextlib.suppress(Exception):
                        self._run(before)
                self._end_change("CREATE_FAILED" if creating else "UPDATE_FAILED", str(error))
            else:
                self.properties = wanted
                self._end_change("AVAILABLE")

    def _build(self, wanted: dict[str, Any]) -> None:
        """Take the code anew, and let Airflow run it; the old code runs on until the new is there."""
        root = self.settings.root
        self._builds += 1
        plugins = self.home / f"plugins-{self._builds}"
        artifacts.unpack_plugins(root, wanted, plugins)
        self._log("requirements_install", artifacts.install_requirements(root, wanted, plugins))
        previous, self._plugins = self._plugins, plugins
        try:
            self._run(wanted)
        except Exception:
            self._plugins = previous
            raise

    def _run(self, wanted: dict[str, Any]) -> None:
        self.airflow.stop()
        dags = artifacts.dags_folder(self.settings.root, wanted)
        self.airflow.start(dags, self._plugins, wanted.get("AirflowConfigurationOptions", {}))

    def _end_change(self, status: str, error: str | None = None) -> None:
        done: dict[str, Any] = {"Status": "FAILED" if error else "SUCCESS", "CreatedAt": datetime.now(UTC)}
        if error:
            done["Error"] = {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": error[:1024]}
        self.last_update, self.status = done, status

    def _log(self, stream: str, lines: list[str]) -> None:
        account_id, region_name, _ = self.key
        if lines:
            LogStream(account_id, region_name, f"airflow-{self.name}-Worker", f"{stream}_{self._builds}").write(lines)

    def end(self) -> None:
        """End Airflow, whatever it is at, and forget the environment."""
        self.status = "DELETING"
        self.all.pop(self.key, None)
        self.airflow.closing = True
        self.airflow.stop()
        with self._busy:  # a change under way has given up; it may just have started something
            self.airflow.stop()

    def as_dict(self) -> dict[str, Any]:
        """The Environment structure of MWAA's API."""
        return {
            **{name: self.properties[name] for name in _TOLD if name in self.properties},
            "Name": self.name,
            "Arn": self.arn,
            "Status": self.status,
            "CreatedAt": self.created,
            "WebserverUrl": self.airflow.url.removeprefix("http://"),
            "LastUpdate": self.last_update,
        }

    # ---- CloudFormation --------------------------------------------------------------------------------------------

    @staticmethod
    def cloudformation_name_type() -> str:
        """The property that names it."""
        return "Name"

    @staticmethod
    def cloudformation_type() -> str:
        """The type this class stands for."""
        return "AWS::MWAA::Environment"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """What templates may ask for."""
        return attr in ("Arn", "WebserverUrl")

    def get_cfn_attribute(self, attribute: str) -> str:
        """The ARN, or the host and port of Airflow's pages."""
        return self.arn if attribute == "Arn" else self.airflow.url.removeprefix("http://")

    def is_created(self) -> bool:
        """Whether Airflow runs. Raises EnvironmentFailed when it cannot."""
        if self.status in ("CREATE_FAILED", "UPDATE_FAILED"):
            raise EnvironmentFailed(f"{self.status}: {self.last_update['Error']['ErrorMessage']}")
        return self.status == "AVAILABLE"

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "Environment":
        """Begin to make it. Raises EnvironmentFailed when there is one of that name."""
        made = cls(resource_name, cloudformation_json["Properties"], account_id, region_name)
        if made.key in cls.all:
            raise EnvironmentFailed(f"Environment with name {resource_name} already exists.")
        cls.all[made.key] = made
        made.begin(made.properties)
        return made

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "Environment",
        new_resource_name: str,  # noqa: ARG003 - another name is another environment
        cloudformation_json: Any,
        account_id: str,  # noqa: ARG003
        region_name: str,  # noqa: ARG003
    ) -> "Environment":
        """Begin to change it; its history of runs stays."""
        original_resource.status = "UPDATING"
        original_resource.begin(cloudformation_json["Properties"])
        return original_resource

    def delete(self, account_id: str, region_name: str) -> None:  # noqa: ARG002 - moto's signature
        """Delete it, with its history."""
        self.end()


def stop_all() -> None:
    """End every environment."""
    for environment in list(Environment.all.values()):
        environment.end()

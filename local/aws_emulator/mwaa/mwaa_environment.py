"""MWAA environments: each runs an Airflow with the files from its bucket."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from local.aws_emulator.emulator_settings import EmulatorSettings
from local.aws_emulator.mwaa.airflow import Airflow

# Properties that require a restart of Airflow. The others configure resources that are not emulated.
_RESTARTS = ("AirflowConfigurationOptions", "DagS3Path", "PluginsS3Path", "SourceBucketArn")


class CodeError(Exception):
    """Raised when the deployed files are not usable; the text says what was expected."""


class MwaaEnvironment:
    """An environment. As in MWAA, a failed update leaves it usable and unchanged, with status UPDATE_FAILED."""

    settings: ClassVar[EmulatorSettings]
    by_name: ClassVar[dict[str, "MwaaEnvironment"]] = {}

    def __init__(self, name: str, properties: Mapping[str, Any]) -> None:
        self.name = name
        self.properties = properties
        self.status = "CREATING"
        self.error: str | None = None
        self.home = self.settings.scratch / "mwaa" / name
        self.airflow = Airflow(self.home, self.settings.s3_url, self.settings.aws_url)
        self._builds = 0
        self._plugins = Path()

    @classmethod
    def create(cls, name: str, properties: Mapping[str, Any]) -> None:
        """Create an environment and wait until its Airflow is healthy.

        :param properties: properties of the resource AWS::MWAA::Environment
        :raises Exception: the cause of a failure; the environment is deleted
        """
        environment = cls.by_name[name] = cls(name, properties)
        try:
            environment._build(properties)
        except Exception:
            environment.delete()
            raise
        environment.status = "AVAILABLE"

    def update(self, properties: Mapping[str, Any]) -> None:
        """Update the environment and wait until its Airflow is healthy. It keeps its metadata database.

        :raises Exception: the cause of a failure; the previous Airflow runs again
        """
        self.status = "UPDATING"
        try:
            if any(self.properties.get(name) != properties.get(name) for name in _RESTARTS):
                self._build(properties)
        except Exception as error:
            self.status, self.error = "UPDATE_FAILED", str(error)[:1024]
            if not self.airflow.is_running:
                self._start(self.properties)
            raise
        self.properties, self.status, self.error = properties, "AVAILABLE", None

    def _build(self, properties: Mapping[str, Any]) -> None:
        """Unpack the plugins and restart Airflow with them. The old Airflow runs until they are unpacked."""
        self._builds += 1
        plugins = self.home / f"plugins-{self._builds}"
        _unpack(_bucket(self.settings.root, properties) / properties["PluginsS3Path"], plugins)
        previous, self._plugins = self._plugins, plugins
        try:
            self._start(properties)
        except Exception:
            self._plugins = previous
            raise

    def _start(self, properties: Mapping[str, Any]) -> None:
        self.airflow.stop()
        # MWAA copies the DAGs every 30 seconds. Here, Airflow reads them from the folder of the bucket.
        dags = _bucket(self.settings.root, properties) / properties["DagS3Path"].strip("/")
        dags.mkdir(parents=True, exist_ok=True)
        self.airflow.start(dags, self._plugins, properties.get("AirflowConfigurationOptions", {}))

    def delete(self) -> None:
        """Stop Airflow and remove the environment."""
        self.by_name.pop(self.name, None)
        self.airflow.closing = True
        self.airflow.stop()

    def describe(self) -> dict[str, Any]:
        """Return the members of MWAA's Environment structure that the deploy tool reads."""
        error = {"Error": {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": self.error}} if self.error else {}
        return {
            "Name": self.name,
            "Status": self.status,
            "LastUpdate": {"Status": "FAILED" if self.error else "SUCCESS", **error},
        }


def _bucket(root: Path, properties: Mapping[str, Any]) -> Path:
    return Path(root, properties["SourceBucketArn"].rpartition(":")[2])


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as plugins:
            plugins.extractall(folder)
    except (FileNotFoundError, zipfile.BadZipFile) as error:
        raise CodeError(f"PluginsS3Path: expected a zip archive at {archive.name}: {error}") from error


def delete_all() -> None:
    """Delete all environments."""
    for environment in list(MwaaEnvironment.by_name.values()):
        environment.delete()

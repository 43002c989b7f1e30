"""MWAA environments whose Airflow really runs, from what was deployed to their bucket."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from local.aws_emulator.emulator_settings import EmulatorSettings
from local.aws_emulator.mwaa.airflow import Airflow

# What Airflow has to be restarted for; the rest is about machines that are not here.
_RESTARTS = ("AirflowConfigurationOptions", "DagS3Path", "PluginsS3Path", "SourceBucketArn")


class CodeError(Exception):
    """The environment cannot be made of this; the text says what was expected."""


class MwaaEnvironment:
    """One environment. A change that fails leaves it as it was, UPDATE_FAILED and usable, as in MWAA."""

    settings: ClassVar[EmulatorSettings]
    all: ClassVar[dict[str, "MwaaEnvironment"]] = {}

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
        """Make an environment, and wait until its Airflow runs. Raises what stands in the way."""
        made = cls.all[name] = cls(name, properties)
        try:
            made._build(properties)
        except Exception:
            made.end()
            raise
        made.status = "AVAILABLE"

    def update(self, properties: Mapping[str, Any]) -> None:
        """Change it, and wait until its Airflow runs again; its history of runs stays. Raises as `create`."""
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
        """Unpack the plugins and let Airflow run them; the old ones run until the new ones are there."""
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
        # MWAA copies the DAGs every 30 seconds; here they are read where they are.
        dags = _bucket(self.settings.root, properties) / properties["DagS3Path"].strip("/")
        dags.mkdir(parents=True, exist_ok=True)
        self.airflow.start(dags, self._plugins, properties.get("AirflowConfigurationOptions", {}))

    def end(self) -> None:
        """End Airflow, whatever it is doing, and forget the environment."""
        self.all.pop(self.name, None)
        self.airflow.closing = True
        self.airflow.stop()

    def describe(self) -> dict[str, Any]:
        """What the deploy tool reads of MWAA's Environment structure."""
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


def stop_all() -> None:
    """End every environment."""
    for environment in list(MwaaEnvironment.all.values()):
        environment.end()

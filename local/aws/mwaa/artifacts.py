"""What an MWAA environment is made of, taken from its bucket as MWAA does when it is made or updated."""

import importlib.metadata
import re
import zipfile
from pathlib import Path
from typing import Any

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLUGINS = "/usr/local/airflow/plugins"  # where MWAA unpacks plugins.zip


class CodeError(Exception):
    """The environment cannot be made of this; the text says what was found and what was wanted."""


def bucket_folder(root: Path, properties: dict[str, Any]) -> Path:
    """The folder of the environment's bucket. Raises CodeError when there is none."""
    bucket = properties["SourceBucketArn"].rpartition(":")[2]
    if not (root / bucket).is_dir():
        raise CodeError(f"SourceBucketArn: found no bucket {bucket}")
    return Path(root, bucket)


def dags_folder(root: Path, properties: dict[str, Any]) -> Path:
    """The folder of DAGs; it may be empty still. MWAA copies it every 30 seconds, here it is read where it lies."""
    folder = Path(bucket_folder(root, properties), properties["DagS3Path"].strip("/"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unpack_plugins(root: Path, properties: dict[str, Any], into: Path) -> None:
    """Unpack plugins.zip into the new folder `into`. Raises CodeError when it is not there, or no archive."""
    into.mkdir(parents=True)
    key = properties.get("PluginsS3Path")
    if not key:
        return
    try:
        with zipfile.ZipFile(_object(root, properties, "PluginsS3Path")) as archive:
            archive.extractall(into)
    except zipfile.BadZipFile as error:
        raise CodeError(f"PluginsS3Path: {key} is no zip archive: {error}") from error


def install_requirements(root: Path, properties: dict[str, Any], plugins: Path) -> list[str]:
    """What MWAA's log `requirements_install` would say; nothing is installed here.

    As there, a requirement that cannot be had is only logged. Raises CodeError when the file is not in the bucket.
    """
    if not properties.get("RequirementsS3Path"):
        return []
    said = []
    for line in _object(root, properties, "RequirementsS3Path").read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith(("--constraint", "-c ")):
            wanted = text.partition(" ")[2].strip().strip('"')
            file = Path(wanted.replace(_PLUGINS, str(plugins)))
            said.append(f"Constraints: {wanted}" if file.is_file() else f"ERROR: Could not open {wanted}")
        elif name := _NAME.match(text):
            try:
                said.append(f"Requirement already satisfied: {name[0]}=={importlib.metadata.version(name[0])}")
            except importlib.metadata.PackageNotFoundError:
                said.append(f"ERROR: No matching distribution found for {text}")
    return said


def _object(root: Path, properties: dict[str, Any], name: str) -> Path:
    file = Path(bucket_folder(root, properties), properties[name])
    if not file.is_file():
        raise CodeError(f"{name}: found no object {properties[name]} in {properties['SourceBucketArn']}")
    return file

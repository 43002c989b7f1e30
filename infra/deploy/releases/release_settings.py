"""What a release takes for settings, asked of the very code that will read them."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release

# -I: neither this folder's modules nor the user's; the zip is what Airflow will import from.
_ASK = """
import json, sys
sys.path.insert(0, sys.argv[1])
from engagement.config.settings import Settings
from engagement.contract.errors import SettingsError
values, fault = {}, None
try:
    values = Settings.parse(sys.stdin.read()).model_dump()
except SettingsError as error:
    fault = str(error)
print(json.dumps({"names": list(Settings.model_fields), "values": values, "fault": fault}))
"""


def names(release: Release) -> frozenset[str]:
    """The settings that the release knows."""
    return frozenset(_ask(release, {})["names"])


def parse(release: Release, document: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting as the release's code reads the Variable, defaults filled in.

    :raises DeployError: with everything that it finds wrong
    """
    answer = _ask(release, document)
    if answer["fault"]:
        raise DeployError(f"[settings] of the environment file: {answer['fault']}")
    values: dict[str, Any] = answer["values"]
    return values


def _ask(release: Release, document: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "plugins.zip"
        archive.write_bytes(release.files["plugins.zip"])
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", _ASK, str(archive)],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        raise DeployError(f"release {release.commit[:12]}: its settings cannot be read, for its code is broken: {why}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer

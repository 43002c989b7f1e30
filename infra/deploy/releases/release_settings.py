"""The settings that a release accepts, determined by running its own code."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release

# Runs with -I, so that nothing but the release's plugins.zip is imported, as in Airflow.
_SCRIPT = """
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
    """Return the names of the settings that the release knows."""
    return frozenset(_run_script(release, {})["names"])


def parse(release: Release, document: Mapping[str, Any]) -> dict[str, Any]:
    """Parse the Variable with the release's code.

    :return: every setting, with defaults filled in
    :raises DeployError: with every fault that the code reports
    """
    answer = _run_script(release, document)
    if answer["fault"]:
        raise DeployError(f"[settings] of the environment file: {answer['fault']}")
    values: dict[str, Any] = answer["values"]
    return values


def _run_script(release: Release, document: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "plugins.zip"
        archive.write_bytes(release.files["plugins.zip"])
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-c", _SCRIPT, str(archive)],
            input=json.dumps(document),
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        raise DeployError(
            f"release {release.commit[:12]}: cannot import its settings: {why}. Fix the code and commit it, or deploy "
            "another release"
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer

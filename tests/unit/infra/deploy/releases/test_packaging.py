"""A release: its files, imports from its archives, and the same bytes on every machine."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from engagement_jobs.contract.data_format import DATA_FORMAT
from infra.deploy.errors import DeployError
from infra.deploy.releases import git_source, packaging
from infra.deploy.releases.release import Release, ReleaseManifest, sha256
from local.artifacts import build
from local.processes import REPOSITORY
from tests.unit.infra.deploy.checkout import Checkout

GLUE_PYTHON = REPOSITORY / ".venv-glue" / "bin" / "python"
FILES = {
    "jobs/score_users.py",
    "jobs/push_scores.py",
    "jobs/engagement_jobs.zip",
    "plugins.zip",
    "requirements.txt",
    "dags/.airflowignore",
    "dags/customer_engagement_scoring.py",
    "infra/pipeline.yaml",
    "infra/mwaa.yaml",
    "infra/workflow.yaml",
}
PLUGINS = {
    ".airflowignore",  # without it, Airflow loads every module of the package as a plugin
    "constraints.txt",
    "engagement_plugin.py",
    "engagement/ui/static/dashboard.css",
    "engagement/ui/templates/dashboard.html.j2",
    "engagement/ui/static/dashboard.js",
    "engagement/summary/templates/report.css",
    "engagement/summary/templates/report.html.j2",
}
# Imports every module of a package, and prints the file of each.
IMPORT_ALL = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1])
package = importlib.import_module(sys.argv[2])
names = [found.name for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
print(json.dumps({name: importlib.import_module(name).__file__ for name in names}))
"""


def names(archive: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(archive)).namelist()


def modules(folder: str) -> set[str]:
    """Return the modules of a package's folder, as paths that start with the package."""
    path = REPOSITORY / folder
    return {module.relative_to(path.parent).as_posix() for module in path.rglob("*.py")}


def imported(python: Path, path: Path, name: str, folder: Path) -> dict[str, str]:
    """Import every module of a package in a process that cannot import from this repository."""
    folder.mkdir()
    done = subprocess.run(
        [python, "-I", "-B", "-W", "ignore", "-c", IMPORT_ALL, path, name],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "AIRFLOW_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_release_has_exactly_these_files(packaged: Release) -> None:
    assert set(packaged.files) == FILES


def test_the_plugins_are_at_the_top_of_their_zip(packaged: Release) -> None:
    assert set(names(packaged.files["plugins.zip"])) == PLUGINS | modules("plugins/engagement")


def test_the_jobs_archive_is_their_package(packaged: Release) -> None:
    documents = {"engagement_jobs/scoring/weights.json", "engagement_jobs/crm_client/document/crm.json"}
    expected = documents | modules("glue_jobs/engagement_jobs")
    assert set(names(packaged.files["jobs/engagement_jobs.zip"])) == expected


def test_the_plugins_import_from_their_zip_alone(packaged: Release, tmp_path: Path) -> None:
    folder = tmp_path / "plugins"
    zipfile.ZipFile(io.BytesIO(packaged.files["plugins.zip"])).extractall(folder)
    found = imported(Path(sys.executable), folder, "engagement", tmp_path / "empty")
    assert {Path(file).relative_to(folder).as_posix() for file in found.values()} == modules("plugins/engagement") - {
        "engagement/__init__.py"
    }


def test_the_jobs_import_from_their_archive_alone(packaged: Release, tmp_path: Path) -> None:
    archive = tmp_path / "engagement_jobs.zip"
    archive.write_bytes(packaged.files["jobs/engagement_jobs.zip"])
    found = imported(GLUE_PYTHON, archive, "engagement_jobs", tmp_path / "empty")
    assert len(found) == len(modules("glue_jobs/engagement_jobs")) - 1
    assert all(file.startswith(str(archive)) for file in found.values())


def test_the_same_commit_gives_the_same_bytes(checkout: Checkout, packaged: Release, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        checkout.git("clone", "--quiet", str(checkout.folder), str(tmp_path / "other"))
    finally:
        os.umask(old)
    for path in (tmp_path / "other" / "plugins").rglob("*"):
        os.utime(path, (1, 1))
    (tmp_path / "other" / "plugins" / "engagement" / "untracked.py").write_text("")
    (tmp_path / "other" / "plugins" / "engagement" / "__pycache__").mkdir()
    (tmp_path / "other" / "plugins" / "engagement" / "__pycache__" / "x.pyc").write_bytes(b"")
    (tmp_path / "other" / "requirements.txt").write_text("an uncommitted edit")
    again = packaging.build_release(packaged.commit, git_source.committed_files(tmp_path / "other", packaged.commit))
    assert again.files == packaged.files
    assert again.manifest == packaged.manifest


def test_zip_entries_have_a_fixed_order_time_and_mode(packaged: Release) -> None:
    entries = zipfile.ZipFile(io.BytesIO(packaged.files["plugins.zip"])).infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {(entry.date_time[0], entry.external_attr, entry.compress_type) for entry in entries} == {
        (1980, 0o100644 << 16, zipfile.ZIP_STORED)
    }


def test_the_manifest_lists_every_file_and_the_data_format(packaged: Release) -> None:
    manifest = json.loads(packaged.manifest)
    assert (manifest["version"], manifest["commit"]) == (1, packaged.commit)
    assert manifest["files"] == {
        name: {"sha256": sha256(body), "bytes": len(body)} for name, body in packaged.files.items()
    }
    assert manifest["data_format"] == packaged.data_format == DATA_FORMAT
    assert packaged.differing_files(ReleaseManifest.parse(packaged.manifest, "release.json")) == []


def test_a_release_is_written_as_in_the_bucket(packaged: Release, tmp_path: Path) -> None:
    written = packaging.write_release(packaged, tmp_path)
    assert written[-1] == tmp_path / "release.json"
    assert {path.relative_to(tmp_path).as_posix() for path in written} == FILES | {"release.json"}
    assert (tmp_path / "plugins.zip").read_bytes() == packaged.files["plugins.zip"]


def test_the_local_stack_runs_the_files_of_a_release(packaged: Release, tmp_path: Path) -> None:
    assert {path.name: path.read_bytes() for path in build(tmp_path)} == {
        name.removeprefix("jobs/"): body for name, body in packaged.files.items() if name.startswith("jobs/")
    }


def test_uncommitted_changes_are_listed(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    assert git_source.uncommitted_paths(checkout.folder) == []
    (checkout.folder / "dags" / "forgotten.py").write_text("")
    (checkout.folder / "requirements.txt").write_text("")
    assert sorted(git_source.uncommitted_paths(checkout.folder)) == ["dags/forgotten.py", "requirements.txt"]


def test_a_folder_without_git_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="not a git repository"):
        git_source.head_commit(tmp_path)


@pytest.mark.parametrize("source", [b"DATA_FORMAT = 3\n", b'"""Text."""\n\nDATA_FORMAT: int = 3\n'])
def test_a_data_format_is_one_integer_literal(source: bytes) -> None:
    assert packaging.read_data_format(source) == 3


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"DATA_FORMAT: int\n",
        b"DATA_FORMAT = '1'\n",
        b"DATA_FORMAT = 0\n",
        b"DATA_FORMAT = -1\n",
        b"DATA_FORMAT = 1.0\n",
        b"DATA_FORMAT = True\n",
        b"DATA_FORMAT = None\n",
        b"DATA_FORMAT = f()\n",
        b"DATA_FORMAT = 1 + 1\n",
        b"DATA_FORMAT = (\n",
        b"DATA_FORMAT = 1\x00\n",
        b"DATA_FORMAT = \xff\n",
        b"DATA_FORMAT = OTHER = 1\n",
        b"DATA_FORMAT = 1\nDATA_FORMAT = 2\n",
        b"DATA_FORMAT = 1\nDATA_FORMAT += 1\n",
        b"if True:\n    DATA_FORMAT = 1\n",
    ],
)
def test_a_commit_without_a_data_format_is_refused(source: bytes) -> None:
    with pytest.raises(DeployError, match="expected DATA_FORMAT = <positive integer>") as raised:
        packaging.read_data_format(source)
    assert "\n" not in str(raised.value)


def test_a_commit_without_the_data_format_file_is_refused(checkout: Checkout) -> None:
    tree = git_source.committed_files(checkout.folder, "HEAD")
    del tree[packaging.DATA_FORMAT_FILE]
    with pytest.raises(DeployError, match=re.escape(packaging.DATA_FORMAT_FILE)):
        packaging.build_release("HEAD", tree)

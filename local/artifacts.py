"""Job code of the local stack, packaged from the work tree in the same way as for a release."""

from pathlib import Path

from infra.deploy.releases.packaging import JOB_ARCHIVE as ARCHIVE
from infra.deploy.releases.packaging import JOB_SCRIPTS as SCRIPTS
from infra.deploy.releases.packaging import build_job_files
from local.processes import REPOSITORY

__all__ = ["ARCHIVE", "PREFIX", "SCRIPTS", "build"]
_SOURCE = REPOSITORY / "glue_jobs"
PREFIX = "jobs/current"
"""Prefix in the artifacts bucket that the template uses by default."""


def build(folder: Path) -> list[Path]:
    """Write the scripts and the archive to `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {path.relative_to(_SOURCE).as_posix(): path.read_bytes() for path in _files()}
    built = build_job_files(sources)
    for name, body in built.items():
        (folder / name).write_bytes(body)
    return [folder / name for name in built]


def _files() -> list[Path]:
    # Includes edits that are not committed, but no bytecode.
    return [path for path in _SOURCE.rglob("*") if path.suffix in (".py", ".json")]

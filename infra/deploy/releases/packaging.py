"""From the files of a commit to the files of a release: the same commit gives the same bytes, wherever it is built."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from infra.deploy.releases.release import Release

JOB_SCRIPTS = ("score_users.py", "push_scores.py")
JOB_ARCHIVE = "engagement_jobs.zip"
TEMPLATES = ("pipeline.yaml", "mwaa.yaml", "workflow.yaml")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold; a real one would change the bytes
_UNIX = 3


def build_release(commit: str, tree: Mapping[str, bytes]) -> Release:
    """Make the release of a commit.

    :param tree: the commit's files by path, see `infra.deploy.releases.git_source.committed_files`
    """
    files = {f"jobs/{name}": body for name, body in build_job_files(_below(tree, "glue_jobs/")).items()}
    files["plugins.zip"] = build_zip(_below(tree, "plugins/"))
    files["requirements.txt"] = tree["requirements.txt"]
    files.update({path: body for path, body in tree.items() if path.startswith("dags/")})
    files.update({path: tree[path] for name in TEMPLATES if (path := f"infra/{name}") in tree})
    return Release(commit, files)


def build_job_files(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the Glue jobs are deployed as: the two scripts, and the archive of what both import.

    :param sources: files of `glue_jobs/` by path below it
    """
    package = {path: body for path, body in sources.items() if path.startswith("engagement_jobs/")}
    return {**{name: sources[name] for name in JOB_SCRIPTS}, JOB_ARCHIVE: build_zip(package)}


def build_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files, in order of path and with fixed times and modes.

    Stored, not compressed: what a compressor makes of the same bytes depends on its version.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return made.getvalue()


def write_release(made: Release, folder: Path) -> list[Path]:
    """Write a release below `folder`, laid out as in the bucket; give the paths, the manifest last."""
    written = []
    for name, body in made.objects:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        written.append(path)
    return written


def _below(tree: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {path.removeprefix(folder): body for path, body in tree.items() if path.startswith(folder)}

"""Builds a release from the files of a commit; the same commit gives the same bytes on every machine."""

import ast
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import Release

JOB_SCRIPTS = ("score_users.py", "push_scores.py")
JOB_ARCHIVE = "engagement_jobs.zip"
TEMPLATES = ("pipeline.yaml", "mwaa.yaml", "workflow.yaml")
DATA_FORMAT_FILE = "glue_jobs/engagement_jobs/contract/data_format.py"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold; a real time would make the bytes differ
_UNIX = 3


def build_release(commit: str, tree: Mapping[str, bytes]) -> Release:
    """Build the release of a commit.

    :param tree: the commit's files by path, see `infra.deploy.releases.git_source.committed_files`
    :raises DeployError: when the data format cannot be read
    """
    files = {f"jobs/{name}": body for name, body in build_job_files(_below(tree, "glue_jobs/")).items()}
    files["plugins.zip"] = build_zip(_below(tree, "plugins/"))
    files["requirements.txt"] = tree["requirements.txt"]
    files.update({path: body for path, body in tree.items() if path.startswith("dags/")})
    files.update({path: tree[path] for name in TEMPLATES if (path := f"infra/{name}") in tree})
    return Release(commit, files, read_data_format(tree.get(DATA_FORMAT_FILE, b"")))


def read_data_format(source: bytes) -> int:
    """Read the constant DATA_FORMAT without importing the module, which may be of another commit.

    :raises DeployError: when the source does not assign a positive integer literal to it, exactly once
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        tree = ast.Module([], [])
    assigned = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and _assigns_data_format(node)]
    values = [value for statement in tree.body if (value := _data_format_literal(statement)) is not None]
    if len(assigned) == len(values) == 1:
        return values[0]
    raise DeployError(
        f"{DATA_FORMAT_FILE}: expected DATA_FORMAT = <positive integer>, once and as a literal; correct the file and "
        "commit it"
    )


def _assigns_data_format(name: ast.Name) -> bool:
    return name.id == "DATA_FORMAT" and not isinstance(name.ctx, ast.Load)


def _data_format_literal(statement: ast.stmt) -> int | None:
    """Return the positive integer that the statement assigns to DATA_FORMAT; None for other statements."""
    match statement:
        case (
            ast.Assign(targets=[ast.Name(id="DATA_FORMAT")], value=ast.Constant(value=value))
            | ast.AnnAssign(target=ast.Name(id="DATA_FORMAT"), value=ast.Constant(value=value))
        ) if type(value) is int and value > 0:
            return value
    return None


def build_job_files(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that the Glue jobs are deployed as: two scripts, and an archive of the package they import.

    :param sources: the files of `glue_jobs/`, by their path in it
    """
    package = {path: body for path, body in sources.items() if path.startswith("engagement_jobs/")}
    return {**{name: sources[name] for name in JOB_SCRIPTS}, JOB_ARCHIVE: build_zip(package)}


def build_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a zip of the files, sorted by path, with fixed times and modes.

    The files are stored, not compressed, because the output of a compressor depends on its version.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EPOCH)
            entry.create_system = _UNIX
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()


def write_release(release: Release, folder: Path) -> list[Path]:
    """Write a release to `folder`, laid out as in the bucket.

    :return: the paths, with the manifest last
    """
    written = []
    for name, body in release.objects:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        written.append(path)
    return written


def _below(tree: Mapping[str, bytes], folder: str) -> dict[str, bytes]:
    return {path.removeprefix(folder): body for path, body in tree.items() if path.startswith(folder)}

"""What git knows about a repository: its commit, uncommitted changes, and the committed files."""

import io
import subprocess
import tarfile
from pathlib import Path

from infra.deploy.errors import DeployError

PACKAGED = ("dags", "glue_jobs", "infra", "plugins", "requirements.txt")


def head_commit(repository: Path) -> str:
    """Return the hash of the checked-out commit, 40 hex digits."""
    return _git(repository, "rev-parse", "HEAD").decode().strip()


def uncommitted_paths(repository: Path) -> list[str]:
    """Return the paths that differ from the commit, untracked files included."""
    return [line[3:] for line in _git(repository, "status", "--porcelain").decode().splitlines()]


def committed_files(repository: Path, commit: str) -> dict[str, bytes]:
    """Return the committed files that a release is built from, by path.

    They are read from the commit, not from the work tree, so that no untracked file, edit or file mode gets in.
    """
    archive = io.BytesIO(_git(repository, "archive", "--format=tar", commit, *PACKAGED))
    files = {}
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content:
                files[member.name] = content.read()
    return files


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise DeployError("git is not on PATH; the tool needs it to read the commit. Install git") from None
    except subprocess.CalledProcessError as error:
        raise DeployError(f"git {arguments[0]} in {repository}: {error.stderr.decode().strip()}") from None

"""What git knows: the commit, whether anything is not in it, and the files of a commit as they were committed."""

import io
import subprocess
import tarfile
from pathlib import Path

from infra.deploy.errors import DeployError

PACKAGED = ("dags", "glue_jobs", "infra", "plugins", "requirements.txt")


def head_commit(repository: Path) -> str:
    """Hash of the commit that is checked out, 40 hex digits."""
    return _git(repository, "rev-parse", "HEAD").decode().strip()


def uncommitted_paths(repository: Path) -> list[str]:
    """Paths that differ from the commit, files that are not tracked among them."""
    return [line[3:] for line in _git(repository, "status", "--porcelain").decode().splitlines()]


def committed_files(repository: Path, commit: str) -> dict[str, bytes]:
    """The committed files that releases are made of, by path.

    Read from the commit, not from the folder: nothing that is not tracked, no edit and no file mode gets in.
    """
    archive = io.BytesIO(_git(repository, "archive", "--format=tar", commit, *PACKAGED))
    found = {}
    with tarfile.open(fileobj=archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content:
                found[member.name] = content.read()
    return found


def _git(repository: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        raise DeployError("git: found none on PATH; what is deployed is what is committed") from None
    except subprocess.CalledProcessError as error:
        raise DeployError(f"git {arguments[0]} in {repository}: {error.stderr.decode().strip()}") from None

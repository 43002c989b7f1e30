"""A copy of this repository, as it would be committed now, in which tests can commit, edit and deploy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
_SOURCES = ("dags", "glue_jobs", "infra", "plugins", "requirements.txt", ".gitignore")


class Checkout:
    """A git repository.

    :param folder: its folder, which must not exist yet
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for name in _listed():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, target)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("initial state")

    def git(self, *arguments: str) -> str:
        """Run git in the repository; return its output."""
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, message: str = "a change") -> str:
        """Commit everything; return the commit's hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def edit(self, path: str, old: str, new: str) -> str:
        """Replace the first occurrence of a text in a file, and commit; return the commit's hash."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        return self.commit(f"edit {path}")


def _listed() -> list[str]:
    command = ["git", "-C", str(REPOSITORY), "ls-files", "-z", "--cached", "--others", "--exclude-standard", *_SOURCES]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return [name for name in names if name and (REPOSITORY / name).is_file()]

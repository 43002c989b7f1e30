"""Releases: what a commit is deployed as, kept in the artifacts bucket below `releases/<commit>/` and never changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MANIFEST = "release.json"
FOLDER = "releases"


def sha256(body: bytes) -> str:
    """Hash of a file, as hex."""
    return hashlib.sha256(body).hexdigest()


def release_prefix(commit: str) -> str:
    """Key prefix of a release, without a slash at its end."""
    return f"{FOLDER}/{commit}"


@dataclass(frozen=True)
class Release:
    """The files of a release by their path in it: `jobs/score_users.py`, `plugins.zip`, `dags/...`, `infra/...`."""

    commit: str
    files: Mapping[str, bytes]

    @property
    def prefix(self) -> str:
        """Where it lies in the artifacts bucket."""
        return release_prefix(self.commit)

    @property
    def manifest(self) -> bytes:
        """`release.json`: every file's hash and size. A release without it is not complete."""
        document = {
            "version": 1,
            "commit": self.commit,
            "files": {name: {"sha256": sha256(body), "bytes": len(body)} for name, body in self.files.items()},
        }
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    @property
    def objects(self) -> list[tuple[str, bytes]]:
        """Everything that is written of it, by path: the files in order, and the manifest last."""
        return [*sorted(self.files.items()), (MANIFEST, self.manifest)]

    def text(self, name: str) -> str:
        """A file as text."""
        return self.files[name].decode()

    def differing_files(self, manifest: Mapping[str, Any]) -> list[str]:
        """Names of files that are not as `manifest` says."""
        wanted = {name: entry["sha256"] for name, entry in manifest["files"].items()}
        return sorted(name for name, body in self.files.items() if wanted.get(name) != sha256(body))

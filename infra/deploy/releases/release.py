"""A release: the files that a commit is deployed as, kept in the artifacts bucket below `releases/<commit>/`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from infra.deploy.errors import DeployError

MANIFEST = "release.json"
FOLDER = "releases"
_RESTORE = "Restore the first version of the object, then run this again"


def sha256(body: bytes) -> str:
    """Return the SHA-256 hash of a file, in hex."""
    return hashlib.sha256(body).hexdigest()


def release_prefix(commit: str) -> str:
    """Return the key prefix of a release, without a trailing slash."""
    return f"{FOLDER}/{commit}"


@dataclass(frozen=True)
class ReleaseManifest:
    """What `release.json` records about a release.

    :param hashes: SHA-256 in hex by file
    :param data_format: see `engagement_jobs.contract.data_format`; 0 when the manifest has no such number
    """

    hashes: Mapping[str, str]
    data_format: int = 0

    @classmethod
    def parse(cls, body: bytes, location: str) -> Self:
        """Parse a `release.json`.

        :param location: where it is stored, for the message
        :raises DeployError: when it is not the manifest of a release
        """
        try:
            document = json.loads(body)
            hashes = {name: entry["sha256"] for name, entry in document["files"].items()}
            data_format = document.get("data_format", 0)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise DeployError(
                f"{location}: expected a JSON object with the sha256 of each file under `files`, got something else. "
                f"{_RESTORE}"
            ) from None
        if type(data_format) is not int or data_format < 0:  # a bool is an int, but not a number of a data format
            raise DeployError(
                f"{location}: expected a data_format of 0 or more, or none, got {json.dumps(data_format)}. {_RESTORE}"
            )
        return cls(hashes, data_format)


@dataclass(frozen=True)
class Release:
    """A release, which never changes once it is uploaded.

    :param files: by their path in the release: `jobs/score_users.py`, `plugins.zip`, `dags/...`, `infra/...`
    :param data_format: see `engagement_jobs.contract.data_format`; 0 for releases that predate the number
    """

    commit: str
    files: Mapping[str, bytes]
    data_format: int = 0

    @property
    def prefix(self) -> str:
        """Key prefix in the artifacts bucket."""
        return release_prefix(self.commit)

    @property
    def manifest(self) -> bytes:
        """`release.json`: hash and size of every file. A release without it is incomplete."""
        document = {
            "version": 1,
            "commit": self.commit,
            "files": {name: {"sha256": sha256(body), "bytes": len(body)} for name, body in self.files.items()},
        }
        if self.data_format:  # a manifest that has no number must be reproduced byte for byte
            document["data_format"] = self.data_format
        return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()

    @property
    def objects(self) -> list[tuple[str, bytes]]:
        """Path and bytes of everything that is uploaded: the files sorted by path, then the manifest."""
        return [*sorted(self.files.items()), (MANIFEST, self.manifest)]

    def text(self, name: str) -> str:
        """Return a file as text."""
        return self.files[name].decode()

    def differing_files(self, manifest: ReleaseManifest) -> list[str]:
        """Return the names of the files whose hash is not the one in `manifest`."""
        return sorted(name for name, body in self.files.items() if manifest.hashes.get(name) != sha256(body))

"""The artifacts bucket's releases: uploading one, finding one by the start of its hash, reading one back."""

import json
import re
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import FOLDER, MANIFEST, Release, release_prefix, sha256

_CONFLICT_CODES = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_NOT_FOUND_CODES = ("NoSuchKey", "NotFound", "404")


class ReleaseStore:
    """Releases in one bucket.

    :param s3: boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def missing_files(self, release: Release) -> list[str]:
        """Files of the release that are not there yet, the manifest last.

        :raises DeployError: when one is there with other bytes
        """
        return [name for name, body in release.objects if not self._has_object(f"{release.prefix}/{name}", body)]

    def upload(self, release: Release) -> list[str]:
        """Upload what is missing, the manifest last; give the names.

        :raises DeployError: when a file is there with other bytes, now or because somebody else was quicker
        """
        missing = self.missing_files(release)
        for name, body in release.objects:
            if name in missing:
                self._put_new(f"{release.prefix}/{name}", body)
        return missing

    def find(self, start: str) -> str:
        """The hash of the one complete release whose hash begins so.

        :raises DeployError: when none does, or several do
        """
        if not re.fullmatch(r"[0-9a-f]{4,40}", start):
            raise DeployError(f"release {start!r}: wanted the first 4 to 40 hex digits of a commit's hash")
        found = [commit for commit in self._commits(start) if self.manifest(commit)]
        if len(found) == 1:
            return found[0]
        if found:
            raise DeployError(f"release {start!r}: {len(found)} begin so: {', '.join(found)}; give more digits")
        known = self._commits("")
        raise DeployError(
            f"release {start!r}: s3://{self.bucket}/{FOLDER}/ has no complete one that begins so; "
            f"there are {', '.join(commit[:12] for commit in known[:20]) or 'none'}"
        )

    def load(self, commit: str) -> Release:
        """Read a release back.

        :raises DeployError: when a file is missing or is not what the manifest says
        """
        prefix = release_prefix(commit)
        manifest = self.manifest(commit) or {"files": {}}
        bodies = {name: self.read(f"{prefix}/{name}") for name in manifest["files"]}
        release = Release(commit, {name: body for name, body in bodies.items() if body is not None})
        faults = sorted({*release.differing_files(manifest), *(name for name, body in bodies.items() if body is None)})
        if faults or not bodies:
            raise DeployError(
                f"s3://{self.bucket}/{prefix}: {', '.join(faults) or MANIFEST} is missing or not what {MANIFEST} says; "
                "restore the objects' first versions, or deploy another release"
            )
        return release

    def manifest(self, commit: str) -> dict[str, Any] | None:
        """A release's `release.json`, None when it is not there or not complete."""
        body = self.read(f"{release_prefix(commit)}/{MANIFEST}")
        found: dict[str, Any] | None = json.loads(body) if body is not None else None
        return found

    def read(self, key: str) -> bytes | None:
        """An object's bytes, None when there is none."""
        try:
            body: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_FOUND_CODES:
                return None
            raise
        return body

    def _commits(self, start: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{FOLDER}/{start}", Delimiter="/"
        )
        return [entry["Prefix"].split("/")[1] for page in pages for entry in page.get("CommonPrefixes", [])]

    def _has_object(self, key: str, body: bytes) -> bool:
        there = self.read(key)
        if there is None or there == body:
            return there is not None
        raise DeployError(
            f"s3://{self.bucket}/{key} is there with other bytes: found sha256 {sha256(there)}, wanted {sha256(body)}. "
            "A release is never changed: commit again and deploy the new commit"
        )

    def _put_new(self, key: str, body: bytes) -> None:
        try:
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*", Metadata={"sha256": sha256(body)}
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICT_CODES or not self._has_object(key, body):
                raise

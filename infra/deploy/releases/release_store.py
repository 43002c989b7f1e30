"""The releases in the artifacts bucket: uploads one, finds one by the start of its hash, reads one back."""

import re
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError
from infra.deploy.releases.release import FOLDER, MANIFEST, Release, ReleaseManifest, release_prefix, sha256

_CONFLICT_CODES = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_NOT_FOUND_CODES = ("NoSuchKey", "NotFound", "404")


def _manifest_key(commit: str) -> str:
    return f"{release_prefix(commit)}/{MANIFEST}"


class ReleaseStore:
    """The releases in one bucket.

    :param s3: boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def missing_files(self, release: Release) -> list[str]:
        """Return the files of the release that the bucket lacks, the manifest last.

        :raises DeployError: when the bucket has one with other bytes
        """
        return [name for name, body in release.objects if not self._has_object(f"{release.prefix}/{name}", body)]

    def upload(self, release: Release) -> list[str]:
        """Upload the files that the bucket lacks, the manifest last.

        :return: the names of the uploaded files
        :raises DeployError: when the bucket has one with other bytes, also when a parallel upload wrote it
        """
        missing = self.missing_files(release)
        for name, body in release.objects:
            if name in missing:
                self._put_new(f"{release.prefix}/{name}", body)
        return missing

    def find(self, start: str) -> str:
        """Return the full commit hash of the complete release whose hash has this start.

        :raises DeployError: when there is none, or more than one
        """
        if not re.fullmatch(r"[0-9a-f]{4,40}", start):
            raise DeployError(f"release {start!r}: expected the first 4 to 40 hex digits of a commit hash")
        matches = [commit for commit in self._commits(start) if self.manifest(commit)]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise DeployError(f"release {start!r} is ambiguous: {', '.join(matches)}; give more digits")
        known = self._commits("")
        raise DeployError(
            f"release {start!r}: no complete release in s3://{self.bucket}/{FOLDER}/ has this start; "
            f"releases there: {', '.join(commit[:12] for commit in known[:20]) or 'none'}"
        )

    def load(self, commit: str) -> Release:
        """Read a release from the bucket.

        :raises DeployError: when a file is missing or its hash is not the one in the manifest
        """
        prefix = release_prefix(commit)
        manifest = self.manifest(commit) or ReleaseManifest({})
        bodies = {name: self.read(f"{prefix}/{name}") for name in manifest.hashes}
        files = {name: body for name, body in bodies.items() if body is not None}
        release = Release(commit, files, manifest.data_format)
        faults = sorted({*release.differing_files(manifest), *(bodies.keys() - files.keys())})
        if faults or not bodies:
            raise DeployError(
                f"s3://{self.bucket}/{prefix}: {', '.join(faults) or MANIFEST} is missing or does not have the hash in "
                f"{MANIFEST}; restore the first version of each object, or deploy another release"
            )
        return release

    def manifest(self, commit: str) -> ReleaseManifest | None:
        """Return a release's manifest; None when there is none, because the upload did not complete.

        :raises DeployError: when it is damaged
        """
        key = _manifest_key(commit)
        body = self.read(key)
        return ReleaseManifest.parse(body, f"s3://{self.bucket}/{key}") if body is not None else None

    def deployed_manifest(self, commit: str) -> ReleaseManifest:
        """Return the manifest of the deployed release.

        :raises DeployError: when it is missing, cannot be read or is damaged
        """
        expected = f"s3://{self.bucket}/{_manifest_key(commit)}: expected the manifest of the deployed release"
        try:
            manifest = self.manifest(commit)
        except ClientError as error:
            raise DeployError(
                f"{expected}, got: {error}. Nothing was changed. Allow these credentials to read the object, then run "
                "this again"
            ) from None
        if manifest is None:
            raise DeployError(
                f"{expected}, got no object: the data format of what is in S3 is unknown. Nothing was changed. Restore "
                f"the object, or check out {commit} and deploy it, which uploads the missing files; then run this again"
            )
        return manifest

    def read(self, key: str) -> bytes | None:
        """Return the bytes of an object; None when it does not exist."""
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
        present = self.read(key)
        if present is None or present == body:
            return present is not None
        raise DeployError(
            f"s3://{self.bucket}/{key} exists with other bytes: expected sha256 {sha256(body)}, got {sha256(present)}. "
            "A release never changes: make a new commit and deploy that one"
        )

    def _put_new(self, key: str, body: bytes) -> None:
        try:
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*", Metadata={"sha256": sha256(body)}
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CONFLICT_CODES or not self._has_object(key, body):
                raise

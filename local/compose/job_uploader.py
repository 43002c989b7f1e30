"""Service `jobs`: uploads the job code when glue_jobs/ changes, so that the next run uses the edit."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

from local import artifacts
from local.stack import outputs_of

SECONDS = 2.0
ALIVE = Path("/tmp/alive")  # noqa: S108 - inside the container; read by the health check


class JobCodeUploader:
    """Uploads job code to the artifacts bucket.

    :param s3: boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._uploaded: dict[str, bytes] = {}

    def update(self, folder: Path) -> list[str]:
        """Build the code in `folder`, upload the changed files, and return their names."""
        built = {path.name: path.read_bytes() for path in artifacts.build(folder)}  # reproducible
        changed = [name for name, body in built.items() if self._uploaded.get(name) != body]
        for name in changed:
            self._s3.put_object(Bucket=self._bucket, Key=f"{artifacts.PREFIX}/{name}", Body=built[name])
        self._uploaded = built
        return changed


def main() -> None:
    """Upload changes every few seconds, forever."""
    bucket = outputs_of(os.environ["AWS_ENDPOINT_URL"])["ArtifactsBucketName"]
    uploader = JobCodeUploader(boto3.client("s3"), bucket)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            for name in uploader.update(Path(folder)):
                print(f"Uploaded {name}", flush=True)
            ALIVE.touch()
            time.sleep(SECONDS)


if __name__ == "__main__":
    main()

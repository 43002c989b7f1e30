"""Service `jobs`: keeps the deployed job code as it is in glue_jobs/, so that an edit holds from the next run on."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

from local import artifacts
from local.stack import outputs_of

SECONDS = 2.0
ALIVE = Path("/tmp/alive")  # noqa: S108 - the container's own; looked at by the health check


class JobCodeUploader:
    """The job code in the artifacts bucket.

    :param s3: boto3 S3 client
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._known: dict[str, bytes] = {}

    def update(self, folder: Path) -> list[str]:
        """Build the code in `folder` and upload the files that are not as they were; give their names."""
        built = {path.name: path.read_bytes() for path in artifacts.build(folder)}  # the same source, the same bytes
        changed = [name for name, body in built.items() if self._known.get(name) != body]
        for name in changed:
            self._s3.put_object(Bucket=self._bucket, Key=f"{artifacts.PREFIX}/{name}", Body=built[name])
        self._known = built
        return changed


def main() -> None:
    """Look, upload, wait, for ever."""
    bucket = outputs_of(os.environ["AWS_ENDPOINT_URL"])["ArtifactsBucketName"]
    published = JobCodeUploader(boto3.client("s3"), bucket)
    with tempfile.TemporaryDirectory() as folder:
        while True:
            for name in published.update(Path(folder)):
                print(f"uploaded {name}", flush=True)
            ALIVE.touch()
            time.sleep(SECONDS)


if __name__ == "__main__":
    main()

"""The Airflow provider's S3Hook as the few calls that the checks need."""

from airflow.providers.amazon.aws.hooks.s3 import S3Hook

from engagement.activity import Head
from engagement.store import S3Store


class S3Objects:
    """Objects of the account that the Airflow connection ``aws_conn_id`` leads to."""

    def __init__(self, aws_conn_id: str | None) -> None:
        self._hook = S3Hook(aws_conn_id=aws_conn_id)

    def head(self, bucket: str, key: str) -> Head | None:
        """Return size and ETag, None when there is no such object."""
        found = self._hook.head_object(key, bucket)
        return None if found is None else Head(found["ContentLength"], found["ETag"].strip('"'))

    def read(self, bucket: str, key: str, start: int, length: int) -> tuple[bytes, str]:
        """Return ``length`` bytes from ``start`` on, and the ETag of the object they came from."""
        found = self._hook.get_conn().get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}")
        return found["Body"].read(), found["ETag"].strip('"')

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        """Return the bytes of each object under ``prefix``, by the rest of its key."""
        found = self._hook.iter_file_metadata(prefix, bucket)
        return {entry["Key"].removeprefix(prefix): entry["Size"] for entry in found}

    def in_bucket(self, bucket: str) -> S3Store:
        """Return the objects of one bucket."""
        return S3Store(self._hook.get_conn(), bucket)

"""The DAGs folder that MWAA reads, `dags/` in the artifacts bucket: brought to what a release has."""

from typing import Any

from infra.deploy.release import Release
from infra.deploy.releases import Releases

FOLDER = "dags/"
DAG_FILE = "dags/customer_engagement_scoring.py"
DAG_ID = "customer_engagement_scoring"
POOL = "engagement"


def changes(store: Releases, s3: Any, release: Release) -> tuple[list[str], list[str]]:
    """Keys to write, the DAG's own last, and keys to delete."""
    wanted = {name: body for name, body in release.files.items() if name.startswith(FOLDER)}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix=FOLDER)
    there = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    # Airflow may read the folder at any moment: what the DAG imports has to be there before it.
    write = [key for key, body in wanted.items() if key not in there or store.read(key) != body]
    return sorted(write, key=lambda key: (key == DAG_FILE, key)), sorted(there - wanted.keys())


def sync(store: Releases, s3: Any, release: Release) -> list[str]:
    """Write and delete what differs; give a word about each."""
    write, delete = changes(store, s3, release)
    for key in write:
        s3.put_object(Bucket=store.bucket, Key=key, Body=release.files[key])
    for key in delete:
        s3.delete_object(Bucket=store.bucket, Key=key)
    return [f"wrote {key}" for key in write] + [f"deleted {key}" for key in delete]

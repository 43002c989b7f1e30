"""What Airflow takes from a release: the DAGs folder in the artifacts bucket, plugins and requirements."""

from typing import Any

from infra.deploy.deploy_target import DeployTarget
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.stacks.stack_client import DeployedStack

DAGS_FOLDER = "dags/"
DAG_FILE = "dags/customer_engagement_scoring.py"
DAG_ID = "customer_engagement_scoring"
POOL = "engagement"
_KEY_PARAMETERS = {"PluginsKey": "plugins.zip", "RequirementsKey": "requirements.txt"}


def find_changes(store: ReleaseStore, s3: Any, release: Release) -> tuple[list[str], list[str]]:
    """Return the keys to write, the DAG's own last, and the keys to delete."""
    wanted = {name: body for name, body in release.files.items() if name.startswith(DAGS_FOLDER)}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix=DAGS_FOLDER)
    there = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    # Airflow may read the folder at any moment: what the DAG imports has to be there before it.
    write = [key for key, body in wanted.items() if key not in there or store.read(key) != body]
    return sorted(write, key=lambda key: (key == DAG_FILE, key)), sorted(there - wanted.keys())


def sync(store: ReleaseStore, s3: Any, release: Release) -> list[str]:
    """Write and delete what differs; return a word about each."""
    write, delete = find_changes(store, s3, release)
    for key in write:
        s3.put_object(Bucket=store.bucket, Key=key, Body=release.files[key])
    for key in delete:
        s3.delete_object(Bucket=store.bucket, Key=key)
    return [f"wrote {key}" for key in write] + [f"deleted {key}" for key in delete]


def choose_keys(target: DeployTarget, present: DeployedStack | None, store: ReleaseStore) -> dict[str, str]:
    """Return `PluginsKey` and `RequirementsKey` for the MWAA stack.

    A new key makes MWAA build its workers again, which takes the better part of an hour: a release that changes neither
    plugins nor requirements leaves the keys at the release that first held those bytes.
    """
    chosen = target.release_keys()
    for parameter, name in _KEY_PARAMETERS.items():
        now = present.parameters.get(parameter) if present and present.exists else None
        if now and store.read(now) == target.release.files[name]:
            chosen[parameter] = now
    return chosen

"""The files that Airflow takes from a release: `dags/` in the artifacts bucket, plugins.zip and requirements.txt."""

from typing import Any

from infra.deploy.deploy_target import DeployTarget
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.stacks.stack_client import DeployedStack

DAGS_FOLDER = "dags/"
DAG_FILE = "dags/customer_engagement_scoring.py"
DAG_ID = "customer_engagement_scoring"
_KEY_PARAMETERS = {"PluginsKey": "plugins.zip", "RequirementsKey": "requirements.txt"}


def find_changes(store: ReleaseStore, s3: Any, release: Release) -> tuple[list[str], list[str]]:
    """Compare the DAGs folder with the release.

    :return: the keys to write, with the DAG last, and the keys to delete
    """
    expected = {name: body for name, body in release.files.items() if name.startswith(DAGS_FOLDER)}
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix=DAGS_FOLDER)
    present = {entry["Key"] for page in pages for entry in page.get("Contents", [])}
    # Airflow may parse the folder at any moment, so the modules that the DAG imports are written before it.
    write = [key for key, body in expected.items() if key not in present or store.read(key) != body]
    return sorted(write, key=lambda key: (key == DAG_FILE, key)), sorted(present - expected.keys())


def sync(store: ReleaseStore, s3: Any, release: Release) -> list[str]:
    """Write and delete the files that differ; return a description of each change."""
    write, delete = find_changes(store, s3, release)
    for key in write:
        s3.put_object(Bucket=store.bucket, Key=key, Body=release.files[key])
    for key in delete:
        s3.delete_object(Bucket=store.bucket, Key=key)
    return [f"wrote {key}" for key in write] + [f"deleted {key}" for key in delete]


def choose_keys(target: DeployTarget, present: DeployedStack | None, store: ReleaseStore) -> dict[str, str]:
    """Return the values of `PluginsKey` and `RequirementsKey`.

    A new key makes MWAA rebuild its workers, which takes 20 to 40 minutes. Where the deployed file has the same bytes
    as the release's, its key is kept.

    :param present: the stack of MWAA
    """
    keys = target.release_keys()
    for parameter, name in _KEY_PARAMETERS.items():
        deployed = present.parameters.get(parameter) if present and present.exists else None
        if deployed and store.read(deployed) == target.release.files[name]:
            keys[parameter] = deployed
    return keys

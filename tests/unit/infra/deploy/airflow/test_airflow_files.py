"""The DAGs folder: the DAG after the modules that it imports, deletions last, nothing when nothing changed."""

from __future__ import annotations

from infra.deploy.airflow import airflow_files
from infra.deploy.deploy_target import DeployTarget
from infra.deploy.environment_file import parse_environment
from infra.deploy.releases.release import Release
from infra.deploy.releases.release_store import ReleaseStore
from infra.deploy.stacks.stack_client import DeployedStack
from tests.unit.infra.deploy.fakes import FakeS3

ENVIRONMENT = parse_environment("x", 'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "mwaa"\n')
RELEASE = Release(
    "a" * 40,
    {
        "dags/customer_engagement_scoring.py": b"dag",
        "dags/zz_helper.py": b"helper",
        "dags/.airflowignore": b"ignore",
        "plugins.zip": b"plugins",
        "requirements.txt": b"requirements",
    },
)


def test_the_dag_is_written_after_what_it_imports() -> None:
    s3 = FakeS3()
    s3.objects = {"dags/gone.py": b"", "dags/.airflowignore": b"ignore", "releases/x": b""}
    changes = airflow_files.sync(ReleaseStore(s3, "b"), s3, RELEASE)
    assert s3.written == ["dags/zz_helper.py", "dags/customer_engagement_scoring.py", "-dags/gone.py"]
    assert changes == [
        "wrote dags/zz_helper.py",
        "wrote dags/customer_engagement_scoring.py",
        "deleted dags/gone.py",
    ]
    assert airflow_files.sync(ReleaseStore(s3, "b"), s3, RELEASE) == []
    assert "releases/x" in s3.objects


def test_a_key_is_kept_while_its_bytes_are_the_same() -> None:
    s3 = FakeS3()
    s3.objects = {"releases/old/plugins.zip": b"plugins", "releases/old/requirements.txt": b"other"}
    parameters = {"PluginsKey": "releases/old/plugins.zip", "RequirementsKey": "releases/old/requirements.txt"}
    present = DeployedStack("engagement-mwaa", "arn", "UPDATE_COMPLETE", parameters=parameters)
    target = DeployTarget(ENVIRONMENT, RELEASE, RELEASE)
    assert airflow_files.choose_keys(target, present, ReleaseStore(s3, "b")) == {
        "PluginsKey": "releases/old/plugins.zip",
        "RequirementsKey": f"releases/{RELEASE.commit}/requirements.txt",
    }
    assert airflow_files.choose_keys(target, None, ReleaseStore(s3, "b")) == target.release_keys()

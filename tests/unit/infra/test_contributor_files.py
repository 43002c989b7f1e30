"""The files for contributors: the pre-commit hook, issue forms and Dependabot's scope."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
GITHUB = REPOSITORY / ".github"


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def test_the_pre_commit_hook_is_a_local_make_target() -> None:
    [repository] = load(REPOSITORY / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local"
    [hook] = repository["hooks"]
    assert hook["language"] == "system"
    target = hook["entry"].removeprefix("make ")
    assert re.search(rf"^{target}:.* ## ", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)


def test_issue_forms_require_what_a_reader_needs() -> None:
    required = {}
    for name in ("bug", "feature"):
        form = load(GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml")
        assert {"name", "description", "body"} <= form.keys()
        required[name] = {one["id"] for one in form["body"] if one.get("validations", {}).get("required")}
    assert required == {"bug": {"actual", "expected", "steps", "where", "commit"}, "feature": {"problem", "proposal"}}


def test_dependabot_leaves_versions_of_the_platforms_alone() -> None:
    updates = {one["package-ecosystem"]: one for one in load(GITHUB / "dependabot.yml")["updates"]}
    assert updates.keys() == {"github-actions", "uv", "docker", "docker-compose"}
    excluded = updates["uv"]["exclude-paths"]
    locks = {path.name for path in (REPOSITORY / "requirements").glob("*.txt")}
    assert {name for name in locks if not any(fnmatch.fnmatch(name, pattern) for pattern in excluded)} == {
        "bench.txt", "lint.txt", "tools.txt", "writers.txt"
    }  # fmt: skip
    ignored = updates["docker"]["ignore"][0]
    assert f"FROM {ignored['dependency-name']}:" in (REPOSITORY / "Dockerfile").read_text()

"""Each kind of rule in `make lint` reports a file that breaks it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint import prose, sizes

ROOT = Path(__file__).parents[3]
TOOLS = Path(sys.executable).parent
PACKAGES = ("plugins/engagement", "glue_jobs/engagement_jobs", "infra", "local", "benchmarks")


@pytest.mark.parametrize(
    ("path", "line", "broken"),
    [
        (
            "plugins/engagement/contract/dates.py",
            "import engagement.ui.app",
            "engagement.contract.dates -> engagement.ui",
        ),
        (
            "glue_jobs/engagement_jobs/delivery/limits/canary.py",
            "import pyspark",
            "engagement_jobs.delivery.limits.canary -> pyspark",
        ),
        ("plugins/engagement/new/module.py", "", "engagement.new"),
    ],
    ids=["upward", "external", "package without a layer"],
)
def test_the_import_rules_bite(tmp_path: Path, path: str, line: str, broken: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / path
    changed.parent.mkdir(exist_ok=True)
    changed.with_name("__init__.py").touch()
    changed.write_text(f"{changed.read_text() if changed.exists() else ''}\n{line}\n")
    python_path = os.pathsep.join(str(tmp_path / folder) for folder in ("plugins", "glue_jobs", "."))
    done = subprocess.run(
        [str(TOOLS / "lint-imports"), "--config", str(ROOT / "pyproject.toml"), "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": python_path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert broken in done.stdout


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("dags/new.py", "import boto3\n", "TID251"),
        ("plugins/engagement/operators/new.py", "from airflow.models import XCom\n", "TID251"),
        ("glue_jobs/engagement_jobs/push/new.py", "import aiohttp\n", "TID251"),
        ("glue_jobs/new.py", "import awsglue\n", "TID253"),
        ("plugins/engagement/contract/new.py", "from . import dates\n", "TID252"),
    ],
)
def test_the_banned_imports_bite(path: str, source: str, rule: str) -> None:
    command = [str(TOOLS / "ruff"), "check", "--select", "TID", "--stdin-filename", path, "-"]
    done = subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False)
    assert (done.returncode, rule in done.stdout) == (1, True)


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("infra/new.py", "x = 1\n" * 251, "251 lines, the limit is 250"),
        ("infra/new.py", "def f():\n" + "    x = 1\n" * 40, "f has 41 lines, the limit is 40"),
        ("infra/new.py", "class C:  # size:\n" + "    def f(self): ...\n" * 13, "C has 13 methods, the limit is 12"),
        ("tests/new.py", f"def test_{'x' * 56}(): ...\n", "has 61 characters, the limit is 60"),
        ("infra/new.py", '"""Look.\n\nIt is told so."""\n', "infra/new.py:3: 'told'"),
        ("infra/new.py", 'x = f"{y} is told"\n', "infra/new.py:1: 'told'"),
        ("tests/new.py", "def test_nobody_waits(): ...\n", "tests/new.py:1: 'nobody'"),
        ("docs/new.md", "Nobody reads this.\n", "docs/new.md:1: 'Nobody'"),
        ("infra/new.yaml", "# It is under\n# way.\n", "infra/new.yaml:1: 'under"),
    ],
)
def test_the_limits_and_the_words_bite(path: str, source: str, fault: str) -> None:
    checks = [prose.check_file(Path(path), source)]
    checks += [sizes.check_file(Path(path), source)] if path.endswith(".py") else []
    (found,) = [found for check in checks for found in check]
    assert fault in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("infra/new.py", "told = 1  # a name of the code\n"),
        ("infra/new.py", '"""A page.\n"""  # size: one table\n' + "x = 1\n" * 300),
        ("infra/new.py", "class C:  # size: one method a route\n" + "    def f(self): ...\n" * 13),
        ("docs/new.md", "`customer_engagement_scoring` besides a customer-managed key\n"),
    ],
)
def test_good_files_pass(path: str, source: str) -> None:
    assert list(prose.check_file(Path(path), source)) == []
    if path.endswith(".py"):
        assert list(sizes.check_file(Path(path), source)) == []


def test_a_package_of_too_many_modules_is_reported() -> None:
    paths = [Path(f"infra/deploy/m{number}.py") for number in range(16)]
    assert list(sizes.check_packages([*paths[:15], Path("infra/deploy/__init__.py")])) == []
    assert list(sizes.check_packages(paths)) == [
        "infra/deploy: 16 modules, at most 15 are allowed; split the package by purpose"
    ]

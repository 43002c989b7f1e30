"""Set-up of all tests: a temporary AIRFLOW_HOME, the DAG folder of the repository, and an AWS session for each test.

Airflow reads its settings at its first import, so this module sets them before test modules are imported. Descriptions
of AWS services are cached for all sessions, because reading these megabytes of JSON takes half the time of a test.
"""

import atexit
import functools
import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from botocore.loaders import JSONFileLoader

if "AIRFLOW_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__DAGS_FOLDER", str(Path(__file__).parents[1] / "dags"))

# Each environment collects only the tests of its side, so that `pytest tests/unit` works in both.
_GLUE = find_spec("pyspark") is not None
_UNIT_OF_AIRFLOW = ("benchmarks", "compose", "dags", "docs", "faults", "infra", "lint", "plugins", "test_run.py")
collect_ignore = (
    ["browser", "compose", "contract", "faults", "local", "stack", *(f"unit/{name}" for name in _UNIT_OF_AIRFLOW)]
    if _GLUE
    else ["extracts", "spark", "unit/glue_jobs"]
)
pytest_plugins = ["tests.support.glue_fixtures"] if _GLUE else []
_TESTS = Path(__file__).parent
_MAX_ID_BYTES = 30

_load_once = functools.cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda _, path: _load_once(path)


@pytest.fixture(autouse=True)
def own_aws_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reset boto3's default session, which keeps the credentials of its first use."""
    if boto3 := sys.modules.get("boto3"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the name of its folder in `tests/`, which is its tier."""
    for item in items:
        item.add_marker(item.path.relative_to(_TESTS).parts[0])


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case that is a file by its parameter: pytest passes the name on to processes, which limit its length."""
    return argname if isinstance(val, bytes) and len(val) > _MAX_ID_BYTES else None

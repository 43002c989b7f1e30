"""What holds for all tests: Airflow finds a scratch home and our DAG, and no test sees the AWS session of another.

Descriptions of AWS's services are read once, though: each session reads megabytes of JSON, half of what a test takes.

Airflow reads its settings when it is first imported, so this is set here, before any test's module is.
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

# Each environment collects the tests of its own side, so that `pytest tests/unit` works in both.
_GLUE = find_spec("pyspark") is not None
_UNIT_OF_AIRFLOW = ("benchmarks", "compose", "dags", "docs", "faults", "infra", "lint", "plugins", "test_run.py")
collect_ignore = (
    ["browser", "compose", "contract", "faults", "local", "stack", *(f"unit/{name}" for name in _UNIT_OF_AIRFLOW)]
    if _GLUE
    else ["spark", "unit/glue_jobs"]
)
pytest_plugins = ["tests.support.glue_fixtures"] if _GLUE else []
_TESTS = Path(__file__).parent

_load_once = functools.cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda _, path: _load_once(path)


@pytest.fixture(autouse=True)
def own_aws_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """`boto3.client` keeps its first caller's credentials for the whole process."""
    if boto3 := sys.modules.get("boto3"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test belongs to the tier that its folder below `tests/` is named after."""
    for item in items:
        item.add_marker(item.path.relative_to(_TESTS).parts[0])

"""What holds for all tests: Airflow finds a scratch home and our DAG, and no test sees the AWS session of another.

Airflow reads its settings when it is first imported, so this is set here, before any test's module is.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

if "AIRFLOW_HOME" not in os.environ:
    _home = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
    os.environ["AIRFLOW_HOME"] = _home
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__DAGS_FOLDER", str(Path(__file__).parents[1] / "dags"))


@pytest.fixture(autouse=True)
def own_aws_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """`boto3.client` keeps its first caller's credentials for the whole process."""
    if boto3 := sys.modules.get("boto3"):
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

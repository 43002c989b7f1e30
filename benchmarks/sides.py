"""Run a module of this package in an environment of the product or of its peers; what it says last is JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import jobs
from local.processes import REPOSITORY, ended

_LONGEST_SECONDS = 1800


def glue(module: str, *arguments: object, env: Mapping[str, str] | None = None) -> Any:
    """Run it beside the jobs' code."""
    return run(jobs.GLUE, module, *arguments, env={"PYTHONPATH": jobs.PYTHONPATH, **(env or {})})


def airflow(module: str, *arguments: object, home: Path, env: Mapping[str, str] | None = None) -> Any:
    """Run it beside the DAG's code.

    :param home: folder in which Airflow may make its files
    """
    own = {
        "PYTHONPATH": str(REPOSITORY / "plugins"),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONWARNINGS": "ignore",
    }
    return run(Path(sys.executable), module, *arguments, env={**own, **(env or {})})


def run(python: Path, module: str, *arguments: object, env: Mapping[str, str]) -> Any:
    """Run it by any Python; nothing of this machine's Airflow or AWS is in its environment.

    Raises RuntimeError, with what it said last, when it fails.
    """
    process = subprocess.Popen(
        [python, "-m", f"benchmarks.{module}", *map(str, arguments)],
        cwd=REPOSITORY,
        env={**{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))}, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # with Spark's Java in it, so that all can be ended
    )
    with ended(process):
        told, said = process.communicate(timeout=_LONGEST_SECONDS)
    if process.returncode:
        raise RuntimeError(f"benchmarks.{module} ended with {process.returncode} and said:\n{said[-3000:]}")
    return json.loads(told.splitlines()[-1])

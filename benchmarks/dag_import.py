"""What the DAG's file adds to the import of Airflow and the providers, which every DAG of theirs pays for."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from benchmarks import pages
from local.airflow import DAG_ID, AirflowHome
from local.processes import REPOSITORY

_ROUNDS = 7
_MOST_SECONDS = 0.3
_PROGRAM = """
import json, runpy, sys, time
began = time.perf_counter()
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG, Asset, BaseOperator, BaseOperatorLink, CronTriggerTimetable, Param, TriggerRule
from airflow.sdk import Variable, conf
from airflow.sdk.exceptions import AirflowException
theirs = time.perf_counter() - began
began = time.perf_counter()
runpy.run_path(sys.argv[1])
print(json.dumps({"theirs": theirs, "ours": time.perf_counter() - began}))
"""


class Import(TypedDict):
    """Seconds of each round, in a process of its own: `theirs` Airflow and the providers, `ours` the DAG's file."""

    theirs: list[float]
    ours: list[float]


def measure(rounds: int | None, say: Callable[[str], None]) -> Import:
    """Import the DAG in processes of their own, as the DAG processor does."""
    found = Import(theirs=[], ours=[])
    with tempfile.TemporaryDirectory() as folder:
        home = AirflowHome(Path(folder), {}, {})
        env = {**home.env, "PYTHONPATH": str(REPOSITORY / "plugins")}
        command = [sys.executable, "-c", _PROGRAM, str(REPOSITORY / "dags" / f"{DAG_ID}.py")]
        subprocess.run(command, env=env, check=True, capture_output=True)  # compiles what is not compiled yet
        for _ in range(rounds or _ROUNDS):
            said = subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
            one = json.loads(said.splitlines()[-1])
            found["theirs"].append(one["theirs"])
            found["ours"].append(one["ours"])
    say(f"import of the DAG: {statistics.median(found['ours']):.3f} s beyond Airflow and the providers")
    return found


def section(found: Import) -> str:
    """The page's section."""

    def seconds(value: float) -> str:
        return f"{value:.3f} s"

    wish = pages.wish("seconds that the DAG's file adds,", found["ours"], seconds, most=_MOST_SECONDS)
    return f"""\
## DAG import

Airflow and the providers take {pages.median(found["theirs"], seconds)} to import, {len(found["ours"])} processes each
of its own. Wanted:

{wish}
"""

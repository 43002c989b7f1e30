"""An Airflow home on SQLite in which one DAG run at a time runs in one process."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from local.processes import REPOSITORY, terminate_on_exit

DAG_ID = "customer_engagement_scoring"
TASKS = ("wait_for_activity", "check_activity", "score_users", "check_scores", "push_scores", "summarize_responses")


class AirflowHome:
    """An Airflow home folder, its environment variables, and the DAG runs in it.

    :param folder: AIRFLOW_HOME
    :param env: environment variables of AWS clients
    :param variable: the Variable `engagement`
    :param config: options of the section `[engagement]`
    """

    def __init__(self, folder: Path, env: Mapping[str, str], variable: Mapping[str, Any], **config: Any) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        options = {"sensor_poke_seconds": 1, "glue_poll_seconds": 1, "retry_delay_seconds": 2, **config}
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "AWS_"))},
            **env,
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            "AIRFLOW_VAR_ENGAGEMENT": json.dumps(variable),
            **{f"AIRFLOW__ENGAGEMENT__{name.upper()}": str(value) for name, value in options.items()},
            "PYTHONWARNINGS": "ignore",
        }

    def migrate(self) -> None:
        """Create the metadata database."""
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"], env=self.env, check=True, capture_output=True
        )

    @contextlib.contextmanager
    def dag_run(self, log: Path, conf: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
        """Start a manual run without a logical date; stop it when the block ends.

        :param log: file for the output of the run
        :param conf: `conf` of the DAG run
        :return: the process of the run; it exits with 0 if the run succeeded
        """
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "local.run_dag", json.dumps(dict(conf))],
                cwd=REPOSITORY,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            with terminate_on_exit(process):
                yield process

    def states(self) -> dict[str, str]:
        """Return the state of each task of the latest run; empty if there is no run yet."""
        database = self.folder / "airflow.db"
        if not database.exists():
            return {}
        query = (
            # Here, a deferred task is queued: its trigger runs in the same process. `next_method` gives it away.
            "select task_id, case when state = 'queued' and next_method is not null then 'deferred' else state end "
            "from task_instance where run_id = "
            "(select run_id from dag_run where dag_id = ? order by id desc limit 1)"
        )
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            try:
                return {task: state or "" for task, state in connection.execute(query, (DAG_ID,))}
            except sqlite3.OperationalError:
                return {}  # the tables do not exist yet, or are locked

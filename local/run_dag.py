"""Run the DAG once in this process: `python -m local.run_dag '{"score_date": "2026-11-23"}'`.

Triggers of deferred tasks run in this process. The exit status is 0 if the run succeeded, otherwise 1.
"""

import functools
import json
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor, task_runner

from local.airflow_home import DAG_ID


def main() -> int:
    """Run the DAG; return the exit status."""
    # `dag.test` starts one API server for each task, which takes seconds; share one.
    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
    # `dag.test` does not pass the exception of a failed task to its callbacks, a worker does.
    task_runner.finalize = functools.partial(_finalize, task_runner.finalize)
    conf = json.loads(sys.argv[1])
    bag = DagBag()
    dag = bag.dags.get(DAG_ID)
    if dag is None:
        print(f"Could not import the DAG {DAG_ID}: {bag.import_errors}", file=sys.stderr)
        return 1
    run = dag.test(logical_date=None, run_conf=conf)
    print(f"DAG run {run.run_id} ended: {run.state}", flush=True)
    return 0 if run.state == "success" else 1


def _finalize(finalize: Any, ti: Any, state: Any, context: Any, log: Any, error: BaseException | None = None) -> None:
    context["exception"] = error
    finalize(ti, state, context, log, error)


if __name__ == "__main__":
    sys.exit(main())

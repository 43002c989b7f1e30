"""Run the DAG once in this process: `python -m local.run_dag '{"score_date": "2026-11-23"}'`.

Deferred tasks run their triggers in line. Exits with 0 when the run succeeded and with 1 when it failed.
"""

import functools
import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.execution_time import supervisor

from local.airflow_home import DAG_ID


def main() -> int:
    """Run; return the exit status."""
    # One API for all tasks, as everywhere else; `dag.test` would make a dozen, each of them seconds of work.
    supervisor.in_process_api_server = functools.cache(supervisor.in_process_api_server)
    conf = json.loads(sys.argv[1])
    bag = DagBag()
    dag = bag.dags.get(DAG_ID)
    if dag is None:
        print(f"{DAG_ID} could not be imported: {bag.import_errors}", file=sys.stderr)
        return 1
    run = dag.test(logical_date=None, run_conf=conf)
    print(f"run {run.run_id} ended as {run.state}", flush=True)
    return 0 if run.state == "success" else 1


if __name__ == "__main__":
    sys.exit(main())

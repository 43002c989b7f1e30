"""Reads what Airflow stores about the upstream tasks: states, error messages, results of the checks."""

from __future__ import annotations

from airflow.sdk import Context

from engagement.contract import task_failures
from engagement.contract.summary import Checks
from engagement.summary import findings


def read_states(context: Context) -> dict[str, str | None]:
    """Return the states of all upstream tasks by task id, in execution order. None: the task has no state yet."""
    ti, dag = context["ti"], context["dag"]
    states = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id]).get(ti.run_id, {})
    upstream = context["task"].get_flat_relative_ids(upstream=True)
    # A task has more upstream tasks than each of them has, so their number gives the order.
    depth = {task: len(dag.get_task(task).get_flat_relative_ids(upstream=True)) for task in upstream}
    named: dict[str, str | None] = {}
    for task in sorted(upstream, key=lambda task: (depth[task], task)):
        state = states.get(task)
        named[task] = None if state is None else task_failures.state_name(state)
    return named


def read_errors(context: Context, states: dict[str, str | None], activity_uri: str) -> dict[str, str]:
    """Return the error messages of failed tasks by task id. Tasks that left none are omitted.

    :param states: states of the upstream tasks
    :param activity_uri: where the sensor waited for the extract, empty if unknown
    """
    failed = [task for task, state in states.items() if state == "failed"]
    errors = task_failures.read_reasons(context, failed)
    if findings.WAIT_TASK in failed and activity_uri:
        errors[findings.WAIT_TASK] = _no_extract(activity_uri, errors.get(findings.WAIT_TASK, ""))
    return errors


def _no_extract(activity_uri: str, error: str) -> str:
    """Return why the sensor failed. It is Airflow's own, and names neither the object nor the permission.

    :param error: what it raised, empty if unknown
    """
    if "(403)" in error or "(AccessDenied)" in error:
        return (
            f"{activity_uri}: access denied ({error}). Airflow's role needs s3:GetObject on it, and s3:ListBucket on "
            "the bucket, without which S3 denies a missing object too"
        )
    if error and "Timeout" not in error.partition(":")[0]:
        return error
    return f"there was no extract at {activity_uri} when the wait ended"


def read_checks(context: Context, states: dict[str, str | None]) -> Checks | None:
    """Return the results of ``check_scores``. None: it did not succeed, or its XCom was deleted.

    :param states: states of the upstream tasks
    """
    if states.get(findings.CHECK_TASK) != "success":
        return None  # an XCom that exists is from an earlier try
    returned = context["ti"].xcom_pull(task_ids=findings.CHECK_TASK)
    if returned is None:
        return None
    return Checks(warnings=tuple(returned["warnings"]), passed=tuple(returned["checks"]))

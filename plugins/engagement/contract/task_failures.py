"""How a failed task passes its error message to ``summarize_responses``.

Airflow stores the state of a failed task but not its message, so the message goes through XCom.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

XCOM_KEY = "failure_reason"
MAX_LENGTH = 300
"""Characters of the message of an operator that is not our own."""


def state_name(state: Any) -> str:
    """Return an Airflow state or run type as text. The Task SDK returns an enum in some places and text in others."""
    return str(getattr(state, "value", state))


def record_and_raise(context: Any, error: Exception) -> NoReturn:
    """Push the message of ``error`` to XCom, then raise it.

    :param context: the task's context
    """
    context["ti"].xcom_push(key=XCOM_KEY, value=str(error))
    raise error from None


def record(context: Any) -> None:
    """Push the message of a failed task's exception to XCom: the failure callback of tasks with Airflow's operators.

    :param context: the task's context; without an exception if the worker was lost, when there is no message
    """
    error = context.get("exception")
    if error is not None:
        text = f"{type(error).__name__}: {error}{_trigger_error(context['ti'])}"
        context["ti"].xcom_push(key=XCOM_KEY, value=text[:MAX_LENGTH])


def _trigger_error(ti: Any) -> str:
    """Return the error of the trigger of a deferred task with a separator; empty if there is none.

    The exception of the task only says that its trigger failed. Airflow passes the trigger's own error to the worker,
    which only logs it.
    """
    kwargs = getattr(getattr(ti, "_ti_context_from_server", None), "next_kwargs", None) or {}
    traceback = kwargs.get("__var", kwargs).get("traceback") or [""]
    error = str(traceback[-1]).strip().partition("\n")[0] if isinstance(traceback, list) else ""
    return f": {error}" if error else ""


def read_reasons(context: Any, tasks: Iterable[str]) -> dict[str, str]:
    """Return the messages of failed tasks by task id. Tasks that left none are omitted.

    :param context: the context of the task that reads
    :param tasks: ids of the failed tasks
    """
    texts = {task: context["ti"].xcom_pull(task_ids=task, key=XCOM_KEY) for task in tasks}
    return {task: str(text) for task, text in texts.items() if text}

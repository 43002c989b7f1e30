"""How a task that fails tells the last task why: Airflow keeps a failed task's state, not its message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

XCOM_KEY = "failure_reason"


def state_name(state: Any) -> str:
    """A state or type as text: the Task SDK gives an enum on one road and its text on the other."""
    return str(getattr(state, "value", state))


def record_and_raise(context: Any, error: Exception) -> NoReturn:
    """Leave the error's text for the summary, then raise it."""
    context["ti"].xcom_push(key=XCOM_KEY, value=str(error))
    raise error from None


def read_reasons(context: Any, tasks: Iterable[str]) -> dict[str, str]:
    """What each of these tasks left, as its last try put it."""
    texts = {task: context["ti"].xcom_pull(task_ids=task, key=XCOM_KEY) for task in tasks}
    return {task: str(text) for task, text in texts.items() if text}

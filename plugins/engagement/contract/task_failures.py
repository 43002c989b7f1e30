"""How a task that fails tells the last task why: Airflow keeps a failed task's state, not its message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

KEY = "problem"


def text_of(state: Any) -> str:
    """A state or type as text: the Task SDK gives an enum on one road and its text on the other."""
    return str(getattr(state, "value", state))


def fail(context: Any, error: Exception) -> NoReturn:
    """Leave the error's text for the summary, then raise it."""
    context["ti"].xcom_push(key=KEY, value=str(error))
    raise error from None


def told(context: Any, tasks: Iterable[str]) -> dict[str, str]:
    """What each of these tasks left, as its last try put it."""
    texts = {task: context["ti"].xcom_pull(task_ids=task, key=KEY) for task in tasks}
    return {task: str(text) for task, text in texts.items() if text}

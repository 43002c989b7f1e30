"""A failed task leaves its message for the last task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from engagement.contract import task_failures
from tests.unit.plugins.engagement.operators.task_context import TaskInstance


class Context(dict[str, Any]):
    """The context of a failure callback."""

    def __init__(self, exception: BaseException | None, ti: TaskInstance | None = None) -> None:
        self.pushed: dict[str, str] = {}
        ti = ti or TaskInstance()
        ti.pushed = self.pushed  # type: ignore[misc]
        super().__init__(ti=ti, **({} if exception is None else {"exception": exception}))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("ThrottlingException: Rate exceeded"), "ValueError: ThrottlingException: Rate exceeded"),
        (TimeoutError(), "TimeoutError: "),
        (ValueError("x" * 1000), f"ValueError: {'x' * 288}"),
    ],
)
def test_the_callback_leaves_the_message(error: Exception, expected: str) -> None:
    context = Context(error)
    task_failures.record(context)
    assert context.pushed == {task_failures.XCOM_KEY: expected}


class Deferred(TaskInstance):
    """The task instance of a task that was deferred."""

    def __init__(self, next_kwargs: Any) -> None:
        self._ti_context_from_server = SimpleNamespace(next_kwargs=next_kwargs)


TRACEBACK = ["Traceback (most recent call last):\n", "  File x\n", "ClientError: Rate exceeded\nfor jr_1\n"]


@pytest.mark.parametrize(
    ("next_kwargs", "expected"),
    [
        ({"error": "Trigger failure", "traceback": TRACEBACK}, ": ClientError: Rate exceeded"),
        ({"__type": "dict", "__var": {"traceback": TRACEBACK}}, ": ClientError: Rate exceeded"),
        ({"error": "Trigger failure", "traceback": None}, ""),
        ({"traceback": {"__type": "x"}}, ""),
        ({"event": {"status": "error"}}, ""),
        (None, ""),
    ],
)
def test_the_error_of_a_trigger_is_added(next_kwargs: Any, expected: str) -> None:
    context = Context(RuntimeError("Trigger failure"), Deferred(next_kwargs))
    task_failures.record(context)
    assert context.pushed == {task_failures.XCOM_KEY: f"RuntimeError: Trigger failure{expected}"}


def test_a_lost_worker_leaves_no_message() -> None:
    context = Context(None)
    task_failures.record(context)
    assert context.pushed == {}

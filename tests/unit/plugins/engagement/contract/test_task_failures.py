"""A failed task leaves its message for the last task."""

from __future__ import annotations

from typing import Any

import pytest

from engagement.contract import task_failures
from tests.unit.plugins.engagement.operators.task_context import TaskInstance


class Context(dict[str, Any]):
    """The context of a failure callback."""

    def __init__(self, exception: BaseException | None) -> None:
        self.pushed: dict[str, str] = {}
        ti = TaskInstance()
        ti.pushed = self.pushed  # type: ignore[misc]
        super().__init__(ti=ti, **({} if exception is None else {"exception": exception}))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("ThrottlingException: Rate exceeded"), "ValueError: ThrottlingException: Rate exceeded"),
        (TimeoutError(), "TimeoutError: "),
        (ValueError("x" * 1000), f"ValueError: {'x' * 388}"),
    ],
)
def test_the_callback_leaves_the_message(error: Exception, expected: str) -> None:
    context = Context(error)
    task_failures.record(context)
    assert context.pushed == {task_failures.XCOM_KEY: expected}


def test_a_lost_worker_leaves_no_message() -> None:
    context = Context(None)
    task_failures.record(context)
    assert context.pushed == {}

"""The part of Airflow's task context that the check operators use."""

from typing import Any, ClassVar

RUN_ID = "manual__2026-11-23"


class TaskInstance:
    """Keeps the XComs that an operator pushes."""

    pushed: ClassVar[dict[str, str]] = {}

    def xcom_push(self, key: str, value: str) -> None:
        self.pushed[key] = value


def task_context() -> Any:
    return {"run_id": RUN_ID, "ti": TaskInstance()}

"""Fixtures that load the DAG as Airflow does and render its tasks."""

import copy
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.plugins.engagement.run_factory import DAG_ID, RUN_ID, SETTINGS

ROOT = Path(__file__).parents[3]

NIGHT = datetime(2026, 11, 23, 3, tzinfo=UTC)
CHECKED = {"input_uri": "s3://activity/a.parquet", "input_etags": '{"a.parquet": "e1"}', "bytes": 12}


@pytest.fixture(scope="session")
def dag_bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    with warnings.catch_warnings():
        # Airflow 3.2.1 uses a class that pathspec has deprecated to read .airflowignore.
        warnings.filterwarnings("ignore", "GitWildMatchPattern", DeprecationWarning)
        return DagBag(str(ROOT / "dags"), include_examples=False)


@pytest.fixture
def dag(dag_bag: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DAG with its own copy of the params, because Airflow writes a run's conf into them."""
    dag = dag_bag.dags[DAG_ID]
    for holder in (dag, *dag.tasks):
        monkeypatch.setattr(holder, "params", copy.deepcopy(holder.params))
    return dag


@pytest.fixture(scope="session")
def checked() -> dict[str, Any]:
    """The return value of check_activity."""
    return CHECKED


@pytest.fixture
def variable(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the Variable. Settings given as None are left out."""

    def set_variable(**changes: Any) -> None:
        document = {name: value for name, value in {**SETTINGS, **changes}.items() if value is not None}
        monkeypatch.setenv("AIRFLOW_VAR_ENGAGEMENT", json.dumps(document))

    set_variable()
    return set_variable


def a_dag_run(
    run_type: str = "scheduled",
    run_id: str = RUN_ID,
    logical_date: datetime | None = NIGHT,
    run_after: datetime = NIGHT,
    start_date: datetime = NIGHT,
    conf: dict[str, Any] | None = None,
) -> Any:
    """Return a run of the DAG in the form that a worker receives."""
    from airflow.sdk.api.datamodels._generated import DagRun

    return DagRun.model_validate(
        {
            "dag_id": DAG_ID,
            "run_id": run_id,
            "logical_date": logical_date,
            "run_after": run_after,
            "start_date": start_date,
            "run_type": run_type,
            "state": "running",
            "conf": conf or {},
            "consumed_asset_events": [],
        }
    )


@pytest.fixture
def render(dag: Any, variable: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:  # noqa: ARG001
    """Render a task as the worker does, without a database. The Variable comes from the environment."""
    from airflow.sdk.api.datamodels._generated import TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def pull(self: Any, task_ids: str) -> dict[str, Any]:  # noqa: ARG001
        return {"check_activity": CHECKED}[task_ids]

    monkeypatch.setattr(RuntimeTaskInstance, "xcom_pull", pull)
    params = copy.deepcopy(dag.params)

    def render_task(
        task_id: str,
        *,
        run_type: str = "scheduled",
        run_id: str = RUN_ID,
        logical_date: datetime | None = NIGHT,
        run_after: datetime = NIGHT,
        start_date: datetime = datetime(2026, 11, 23, 3, 0, 5, tzinfo=UTC),
        conf: dict[str, Any] | None = None,
    ) -> Any:
        dag_run = a_dag_run(run_type, run_id, logical_date, run_after, start_date, conf)
        # Airflow writes a run's conf into the params of DAG and task, because a worker process renders one task only.
        monkeypatch.setattr(dag, "params", copy.deepcopy(params))
        monkeypatch.setattr(dag.task_dict[task_id], "params", copy.deepcopy(params))
        ti = RuntimeTaskInstance.model_construct(
            id=uuid4(),
            task_id=task_id,
            dag_id=DAG_ID,
            run_id=run_id,
            try_number=1,
            map_index=-1,
            task=dag.task_dict[task_id].prepare_for_execution(),
            max_tries=0,
            start_date=start_date,
            _ti_context_from_server=TIRunContext(dag_run=dag_run, max_tries=0),
        )
        ti.render_templates()
        return ti.task

    return render_task

"""The DAGs folder: what it holds, and that parsing it has no side effects."""

import socket
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.filterwarnings(
    # Airflow 3.2.1 uses a class that pathspec has deprecated to read .airflowignore.
    "ignore:GitWildMatchPattern:DeprecationWarning"
)


def test_the_folder_has_one_dag_without_errors_or_warnings(dag_bag: Any) -> None:
    assert set(dag_bag.dags) == {"customer_engagement_scoring"}
    assert dag_bag.import_errors == {}
    assert dag_bag.captured_warnings == {}


def test_parsing_opens_no_connection_and_reads_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import Connection, Variable

    calls: list[str] = []

    def refuse(name: str) -> Any:
        def record(*_: Any, **__: Any) -> None:
            calls.append(name)
            raise AssertionError(name)

        return record

    monkeypatch.setattr(socket.socket, "connect", refuse("socket"))
    monkeypatch.setattr(Variable, "get", refuse("variable"))
    monkeypatch.setattr(Connection, "get", refuse("connection"))
    monkeypatch.setattr("airflow.sdk.execution_time.context._get_variable", refuse("variable"))
    monkeypatch.setattr("airflow.sdk.execution_time.context._get_connection", refuse("connection"))
    again = DagBag(str(ROOT / "dags"), include_examples=False)
    assert list(again.dags) == ["customer_engagement_scoring"]
    assert calls == []
    with pytest.raises(AssertionError, match="variable"):
        Variable.get("engagement")


def test_the_file_is_short_and_documents_itself(dag: Any) -> None:
    source = (ROOT / "dags" / "customer_engagement_scoring.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 170
    for task_id in dag.task_dict:
        assert f"`{task_id}`" in dag.doc_md
    for word in ("Input", "Output", "Settings", "Params", "Owner", "If a run fails"):
        assert f"**{word}**" in dag.doc_md


def test_airflow_loads_no_library_file_as_a_plugin() -> None:
    from airflow.sdk._shared.module_loading import find_path_from_directory

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found = {
            Path(path).relative_to(ROOT / "plugins").as_posix()
            for path in find_path_from_directory(str(ROOT / "plugins"), ".airflowignore", "glob")
            if path.endswith(".py")
        }
    assert not [path for path in found if "/" in path]


def test_requirements_are_pinned_by_the_constraint_file() -> None:
    first, *rest = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert first == '--constraint "/usr/local/airflow/plugins/constraints.txt"'
    pins = (ROOT / "plugins" / "constraints.txt").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0].lower() for line in pins.splitlines() if "==" in line}
    required = [line for line in rest if line and not line.startswith("#")]
    assert required
    assert set(required) <= pinned


def test_options_reach_the_schedule_and_every_task(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    options = {
        "TIMEZONE": "Europe/Berlin",
        "SCHEDULE": "30 4 * * 1-5",
        "START_DATE": "2026-06-01",
        "AWS_CONN_ID": "aws_crm",
        "REGION_NAME": "eu-central-1",
        "POOL": "crm",
    }
    for name, value in options.items():
        monkeypatch.setenv(f"AIRFLOW__ENGAGEMENT__{name}", value)
    bag: Any = DagBag(str(ROOT / "dags"), include_examples=False)
    (dag,) = bag.dags.values()
    assert (dag.timetable.expression, str(dag.timetable.timezone)) == ("30 4 * * 1-5", "Europe/Berlin")
    assert dag.start_date.isoformat() == "2026-05-31T22:00:00+00:00"
    assert {(task.aws_conn_id, task.region_name) for task in dag.tasks} == {("aws_crm", "eu-central-1")}
    assert [task.task_id for task in dag.tasks if task.pool == "crm"] == ["score_users", "push_scores"]
    sensor = dag.get_task("wait_for_activity")
    assert (sensor.hook.aws_conn_id, sensor.hook._region_name) == ("aws_crm", "eu-central-1")


def test_without_a_schedule_the_dag_has_no_timetable(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__SCHEDULE", "none")
    (dag,) = DagBag(str(ROOT / "dags"), include_examples=False).dags.values()
    assert type(dag.timetable).__name__ == "NullTimetable"


def test_an_unknown_option_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW__ENGAGEMENT__SHEDULE", "0 4 * * *")
    bag = DagBag(str(ROOT / "dags"), include_examples=False)
    (error,) = bag.import_errors.values()
    assert "did you mean AIRFLOW__ENGAGEMENT__SCHEDULE?" in error.strip().splitlines()[-1]
    assert bag.dags == {}

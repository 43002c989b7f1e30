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

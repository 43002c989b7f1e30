"""When each task came into each state, noted by Airflow's metadata database itself.

Airflow keeps the latest time of a kind only, and a deferred task is scheduled, queued and running twice. Nobody has to
look meanwhile: triggers of SQLite write a line for each change.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from benchmarks.end_to_end.moments import RENDERED, Changes

_NOW = "(julianday('now') - 2440587.5) * 86400"  # epoch seconds, to the millisecond
_SCHEMA = f"""
CREATE TABLE benchmark_changes (run_id TEXT, task_id TEXT, state TEXT, at REAL);
CREATE TRIGGER benchmark_state AFTER UPDATE OF state ON task_instance WHEN new.state IS NOT old.state
BEGIN INSERT INTO benchmark_changes VALUES (new.run_id, new.task_id, new.state, {_NOW}); END;
CREATE TRIGGER benchmark_rendered AFTER INSERT ON rendered_task_instance_fields
BEGIN INSERT INTO benchmark_changes VALUES (new.run_id, new.task_id, '{RENDERED}', {_NOW}); END;
"""  # noqa: S608 - of constants
_PATIENCE_SECONDS = 10.0  # with a database that is being written to


def note(database: Path) -> None:
    """From now on, note every change."""
    with contextlib.closing(sqlite3.connect(database, timeout=_PATIENCE_SECONDS)) as connection:
        connection.executescript(_SCHEMA)


def of_run(database: Path, run_id: str) -> Changes:
    """What was noted of a run: of each task its states in order, each with the moment in epoch seconds."""
    query = "SELECT task_id, state, at FROM benchmark_changes WHERE run_id = ? ORDER BY rowid"
    found: Changes = {}
    uri = f"file:{database}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_SECONDS)) as connection:
        for task, state, at in connection.execute(query, (run_id,)):
            found.setdefault(task, []).append((state, at))
    return found

"""Push tasks that die; in a module of their own, because Spark's workers import it by name."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator

from pyspark.sql import Row

from engagement_jobs.common.aws import Store
from engagement_jobs.push.task import TaskResult, TaskSetup, run_partition, run_task, to_score_update

_LAST_TASK = 3
_ROWS_BEFORE_DEATH = 20


def lose_the_last_task(setup: TaskSetup, index: int, rows: Iterable[Row]) -> Iterator[TaskResult]:
    """Run four tasks, the last of which dies after 20 rows without an aggregate, once the others have finished."""
    if index != _LAST_TASK:
        yield from run_partition(setup, index, rows)
        return
    run_task(setup, str(index), map(to_score_update, itertools.islice(rows, _ROWS_BEFORE_DEATH)))
    store = Store(setup.bucket)
    folder = setup.attempt.folder
    store.delete(f"{folder}agg-{index}.json")
    others = {f"agg-{other}.json" for other in range(_LAST_TASK)}
    deadline = time.monotonic() + 30
    while others - {name for name, _ in store.list_files(folder)} and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # until the driver has their results
    os._exit(9)

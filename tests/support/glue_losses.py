"""Push tasks that meet with an accident; in a module of its own, for Spark's workers import it by name."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterable, Iterator

from pyspark.sql import Row

from engagement_jobs.common.aws import Store
from engagement_jobs.push.task import TaskResult, TaskSetup, record, run_partition, run_task

_LAST = 3
_ENOUGH = 20


def lose_the_last_task(setup: TaskSetup, index: int, rows: Iterable[Row]) -> Iterator[TaskResult]:
    """The last of four tasks dies after 20 records, without an aggregate, once the others have come to their end."""
    if index != _LAST:
        yield from run_partition(setup, index, rows)
        return
    run_task(setup, str(index), map(record, itertools.islice(rows, _ENOUGH)))
    store = Store(setup.bucket)
    store.delete(f"{setup.folder}agg-{index}.json")
    others = {f"agg-{other}.json" for other in range(_LAST)}
    deadline = time.monotonic() + 30
    while others - {name for name, _ in store.list_files(setup.folder)} and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(0.5)  # their results are on the way to the driver
    os._exit(9)

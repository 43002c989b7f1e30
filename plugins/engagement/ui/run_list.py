"""Finds the runs of the last days with few requests: a listing that begins at the first day, and only new summaries."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.ui import run_entry, run_keys
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_keys import RunLocation

MAX_RUNS = 500
MAX_CACHED = 2_000
READERS = 8


@dataclass(frozen=True, slots=True)
class RunWindow:
    """The runs of a window, newest first.

    :param reports: places that have a report
    :param left_out: runs that were found but are too many to be shown
    """

    runs: Sequence[Run | UnreadableRun]
    reports: frozenset[RunLocation]
    left_out: int = 0


class RunReader:
    """Reads runs, and remembers what it has read by key, ETag and time: a summary is read once."""

    def __init__(self, max_cached: int = MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._cache: dict[ObjectHead, Run | UnreadableRun] = {}
        self._lock = threading.Lock()

    def recent(self, store: Bucket, first_day: date) -> RunWindow:
        """The runs whose score date is `first_day` or later."""
        first = first_day.isoformat()
        reports: set[RunLocation] = set()
        found: list[tuple[RunLocation, ObjectHead]] = []
        for location, ending, entry in _candidates(store, first_day):
            if ending == "html":
                reports.add(location)
            else:
                found.append((location, entry))
        found.sort(key=lambda pair: (pair[0].day or f"{pair[1].modified:%Y-%m-%d}", pair[1].modified), reverse=True)
        shown = found[:MAX_RUNS]
        with ThreadPoolExecutor(READERS, thread_name_prefix="engagement-summaries") as readers:
            read = list(readers.map(lambda pair: self._read(store, *pair), shown))
        runs = [run for run in read if run.score_date >= first]
        runs.sort(key=lambda run: (run.score_date, run.written), reverse=True)
        return RunWindow(runs, frozenset(reports), len(found) - len(shown))

    def _read(self, store: Bucket, location: RunLocation, entry: ObjectHead) -> Run | UnreadableRun:
        with self._lock:
            known = self._cache.pop(entry, None)
            if known is not None:
                self._cache[entry] = known  # the latest used is the last to go
                return known
        if entry.size > run_entry.MAX_SUMMARY_BYTES:
            return UnreadableRun(location, entry.modified, f"it has more than {run_entry.MAX_SUMMARY_BYTES:,} bytes")
        body = store.read(entry.key)
        run = run_entry.read(location, entry.modified, body)
        if body is not None:
            with self._lock:
                self._cache[entry] = run
                while len(self._cache) > self._max_cached:
                    del self._cache[next(iter(self._cache))]
        return run


def _candidates(store: Bucket, first_day: date) -> Iterator[tuple[RunLocation, str, ObjectHead]]:
    for entry in store.list_objects(run_keys.SUMMARIES, run_keys.SUMMARIES + first_day.isoformat()):
        if found := run_keys.from_object_key(entry.key):
            yield *found, entry
    # Dry runs lie by run id, not by date, and few: they expire. A run is written on its score date or later, and its
    # id, if it has a date, has that of the day on which it was due, which in UTC may be the day before.
    due = first_day - timedelta(days=1)
    for entry in store.list_objects(f"{run_keys.DRY_RUNS}/"):
        found = run_keys.from_object_key(entry.key)
        if found and entry.modified.date() >= due and (found[0].day or due.isoformat()) >= due.isoformat():
            yield *found, entry

"""The runs of the last days, read with few requests: two listings, and only the summaries that are new."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from engagement.aws.s3 import Bucket, ObjectHead
from engagement.ui import run_entry, run_keys
from engagement.ui.run_entry import Run, UnreadableRun
from engagement.ui.run_keys import RunLocation

MAX_RUNS = 500
MAX_CACHED = 2_000
READERS = 8


@dataclass(frozen=True, slots=True)
class RunWindow:
    """The runs of the shown days, newest first.

    :param reports: runs that have a report
    :param left_out: number of runs beyond `MAX_RUNS`
    """

    runs: Sequence[Run | UnreadableRun]
    reports: frozenset[RunLocation]
    left_out: int = 0


class RunReader:
    """Reads runs and caches their summaries by key, ETag and time, so that each one is read once."""

    def __init__(self, max_cached: int = MAX_CACHED) -> None:
        self._max_cached = max_cached
        self._cache: dict[ObjectHead, Run | UnreadableRun] = {}
        self._lock = threading.Lock()

    def recent(self, bucket: Bucket, first_day: date) -> RunWindow:
        """Return the runs with a score date from `first_day` on."""
        first = first_day.isoformat()
        reports: set[RunLocation] = set()
        summaries: list[tuple[RunLocation, ObjectHead]] = []
        for location, extension, entry in _candidates(bucket, first_day):
            if extension == "html":
                reports.add(location)
            else:
                summaries.append((location, entry))
        summaries.sort(key=_sort_key, reverse=True)
        shown = summaries[:MAX_RUNS]
        with ThreadPoolExecutor(READERS, thread_name_prefix="engagement-summaries") as readers:
            read = list(readers.map(lambda pair: self._read(bucket, *pair), shown))
        runs = [run for run in read if run.score_date >= first]
        runs.sort(key=lambda run: (run.score_date, run.written), reverse=True)
        return RunWindow(runs, frozenset(reports), len(summaries) - len(shown))

    def _read(self, bucket: Bucket, location: RunLocation, entry: ObjectHead) -> Run | UnreadableRun:
        with self._lock:
            cached = self._cache.pop(entry, None)
            if cached is not None:
                self._cache[entry] = cached  # moves it to the end: the least recently used is evicted first
                return cached
        if entry.size > run_entry.MAX_SUMMARY_BYTES:
            reason = f"it is larger than {run_entry.MAX_SUMMARY_BYTES:,} bytes"
            return UnreadableRun(location, entry.modified, reason)
        body = bucket.read(entry.key)
        run = run_entry.read(location, entry.modified, body)
        if body is not None:
            with self._lock:
                self._cache[entry] = run
                while len(self._cache) > self._max_cached:
                    del self._cache[next(iter(self._cache))]
        return run


def _sort_key(pair: tuple[RunLocation, ObjectHead]) -> tuple[str, datetime]:
    location, entry = pair
    return (location.date or entry.modified.date().isoformat(), entry.modified)


def _candidates(bucket: Bucket, first_day: date) -> Iterator[tuple[RunLocation, str, ObjectHead]]:
    for entry in bucket.list_objects(run_keys.SUMMARIES, run_keys.SUMMARIES + first_day.isoformat()):
        if parsed := run_keys.from_object_key(entry.key):
            yield *parsed, entry
    # Keys of dry runs have the run id, not the score date, so all of them are listed; they are few, because they
    # expire. A run writes on its score date or later. A date in its id is the scheduled one, which in UTC may be the
    # day before the score date.
    earliest = first_day - timedelta(days=1)
    for entry in bucket.list_objects(f"{run_keys.DRY_RUNS}/"):
        parsed = run_keys.from_object_key(entry.key)
        if parsed is None or entry.modified.date() < earliest:
            continue
        if parsed[0].date is None or parsed[0].date >= earliest.isoformat():
            yield *parsed, entry

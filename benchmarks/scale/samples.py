"""Bytes and speeds of what the jobs' own code does: `python -m benchmarks.scale.samples BUCKET`, one JSON line.

Nights of job 2 without its sending. Those that do not count warm up Java, and leave the next one a snapshot of all its
users. In the Glue environment, over an S3 whose buckets are folders that Spark reads and writes.
"""

from __future__ import annotations

import json
import pickle
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks.scale import day
from benchmarks.scale.measurements import Samples
from engagement_jobs import layout, plan, push_job, scoring, session
from engagement_jobs.aws import Store
from engagement_jobs.delivery import UNSENT
from engagement_jobs.flights import Flight
from engagement_jobs.history import Snapshot, read_ledger
from engagement_jobs.ledger import BATCH
from engagement_jobs.outcomes import Next, Verdict
from engagement_jobs.records import Record
from engagement_jobs.tally import Tally
from local.s3 import SETTLE_SECONDS
from local.spark.warm_up import end

_FEW, _ROWS, _PLANNED_ROWS = 5_000, 300_000, 2_000_000
_FILES, _SECONDS = 100, 20_000
# For what Spark wrote beside S3.
_SETTLE_SECONDS = 2 * SETTLE_SECONDS
_DELIVERED = Verdict(Next.SETTLE, "delivered", "http_200")


def main() -> None:
    """Do all of it and print what it came to."""
    store = Store(sys.argv[1])
    began = time.monotonic()
    spark = session.start("samples")
    start_seconds = time.monotonic() - began
    _, small, _, large = (
        _night(spark, store, day.before(days), rows) for days, rows in ((3, _FEW), (2, _FEW), (1, _ROWS), (0, _ROWS))
    )
    plan_seconds, *_ = _plan(spark, store, day.before(-1), _PLANNED_ROWS)
    ledger = layout.attempt(day.DAY, day.JOB_RUN)
    files = store.files(layout.scores(day.DAY))
    found = Samples(
        rows=_ROWS,
        score_row=_bytes(store, layout.scores(day.DAY)) / _ROWS,
        ledger_line=_bytes(store, ledger) / _ROWS,
        snapshot_row=_bytes(store, layout.snapshot(f"{day.JOB_RUN}-{day.DAY}")) / _ROWS,
        manifest_file=_manifest_file(files[0][0]),
        listed_object=_kept(lambda: store.files(ledger)) / (_ROWS / BATCH),
        counted_second=_counted_second(),
        fixed_seconds=start_seconds + sum(small[:2]),
        planned_rows=_PLANNED_ROWS / plan_seconds,
        told_rows=_ROWS / large[1],
        open_rows=_ROWS / _open_seconds(store, large[2]),
    )
    end(spark)  # what Java took would count as other programs' otherwise
    print(json.dumps(found))


def _night(spark: Any, store: Store, date: str, rows: int) -> tuple[float, float, Any]:
    """Seconds of job 2 before and behind its sending, and what became of each row."""
    plan_seconds, decided, snapshot = _plan(spark, store, date, rows)
    folder = layout.attempt(date, day.JOB_RUN)
    _write_ledger(store, folder, rows)
    began = time.monotonic()
    final = plan.with_outcome(decided, read_ledger(spark, store, [folder]), UNSENT).persist()
    final.groupBy("outcome").count().collect()
    snapshot.write(f"{day.JOB_RUN}-{date}", folder)
    seconds = time.monotonic() - began
    time.sleep(_SETTLE_SECONDS)
    return plan_seconds, seconds, final


def _plan(spark: Any, store: Store, date: str, rows: int) -> tuple[float, Any, Snapshot]:
    """Seconds of job 2 before its sending, what it decided of each row, and the snapshot that it did so by."""
    session.size_shuffles(spark, rows)
    manifest = _write_scores(spark, store, date, rows)
    began = time.monotonic()
    snapshot = Snapshot(spark, store)
    decided = push_job._decide(spark, store, snapshot, manifest, day.push_arguments(date, rate=1000, tasks=4))
    push_job._tally_plan(decided, manifest)
    return time.monotonic() - began, decided, snapshot


def _write_scores(spark: Any, store: Store, date: str, rows: int) -> dict[str, Any]:
    scored = spark.range(rows).selectExpr("printf('U%09d', id) AS user_id", "id % 10001 / 100 AS score")
    folder = layout.scores(date)
    scoring.scores_csv(scored, day.SCORED_AT).write.csv(store.uri(folder), **session.CSV_OPTIONS)
    time.sleep(_SETTLE_SECONDS)
    return day.scores(date, rows, store.files(folder))


def _write_ledger(store: Store, folder: str, rows: int) -> None:
    for first in range(0, rows, BATCH):
        body = b"".join(_line(number, rows) + b"\n" for number in range(first, first + BATCH))
        store.write(f"{folder}part-0-{first // BATCH:06d}.jsonl", body)


def _line(number: int, rows: int) -> bytes:
    """Of the record that is sent as the `number`-th, in a night that sends a thousand a second."""
    record = Record(f"U{number * 7_919 % rows:09d}", f"{number % 10_001 / 100:.2f}", 0)
    flight = Flight.of(record, "https://crm.example.com/api/v1/update-score", day.DAY)
    flight.tries, flight.status = 1, 200
    flight.first_sent, flight.milliseconds = day.START + number / 1000, 30 + number * 13 % 997 / 10
    return flight.line(_DELIVERED, json.dumps(day.RUN), flight.first_sent + flight.milliseconds / 1000)


def _open_seconds(store: Store, final: Any) -> float:
    """To write `failed.csv` with all rows in it."""
    rows = final.selectExpr("user_id", "'deferred' AS outcome", "reason", "http_status").persist()
    rows.count()
    began = time.monotonic()
    push_job._write_failed(store, rows, _ROWS, layout.responses(day.DAY))
    return time.monotonic() - began


def _bytes(store: Store, folder: str) -> int:
    return sum(size for name, size in store.files(folder) if name.startswith("part-"))


def _manifest_file(name: str) -> float:
    """What one more file adds to the manifest of the scores."""
    none, all_of_them = (len(json.dumps(day.scores(day.DAY, 1, [(name, 10**7)] * n), indent=1)) for n in (0, _FILES))
    return (all_of_them - none) / _FILES


def _counted_second() -> float:
    seconds = Counter({day.START + place: 500 + place % 100 for place in range(_SECONDS)})
    tally = pickle.dumps(Tally(seconds=seconds))
    return _kept(lambda: pickle.loads(tally)) / _SECONDS  # noqa: S301 - as it comes from a push task


def _kept(make: Callable[[], Any]) -> int:
    """Bytes of memory that what is made holds on to."""
    make()  # whatever is made once is made
    tracemalloc.start()
    made = make()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del made
    return held


if __name__ == "__main__":
    main()

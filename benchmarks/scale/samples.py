"""Bytes of what the jobs' own code writes: `python -m benchmarks.scale.samples BUCKET`, one JSON line (`Written`).

In the Glue environment, over an S3 whose buckets are the folders that Spark writes to.
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

from benchmarks.scale.day import DAY, JOB_RUN, RUN, SCORED_AT, START, scores
from benchmarks.scale.measurements import Written
from engagement_jobs import layout, scoring, session
from engagement_jobs.aws import Store
from engagement_jobs.flights import Flight
from engagement_jobs.history import Snapshot, read_ledger
from engagement_jobs.ledger import BATCH
from engagement_jobs.outcomes import Next, Verdict
from engagement_jobs.push_job import _write_failed
from engagement_jobs.records import Record
from engagement_jobs.tally import Tally
from local.s3 import SETTLE_SECONDS

_ROWS = 200_000
_FILES, _SECONDS = 100, 20_000
_DELIVERED = Verdict(Next.SETTLE, "delivered", "http_200")


def main() -> None:
    """Write all of it and print what it came to."""
    store = Store(sys.argv[1])
    spark = session.start("samples")
    session.size_shuffles(spark, _ROWS)
    ledger, csv = layout.attempt(DAY, JOB_RUN), layout.scores(DAY)
    line = _write_ledger(store, ledger)
    listed = _kept(lambda: store.files(ledger)) / (_ROWS / BATCH)
    Snapshot(spark, store).write(JOB_RUN, ledger)
    lines = read_ledger(spark, store, [ledger])
    rows = lines.selectExpr("user_id", "cast(score AS double) AS score")
    scoring.scores_csv(rows, SCORED_AT).write.csv(store.uri(csv), **session.CSV_OPTIONS)
    open_rows = _open_rows(store, lines)
    time.sleep(2 * SETTLE_SECONDS)  # for what Spark wrote beside S3
    found = Written(
        score_row=_bytes(store, csv, ".csv") / _ROWS,
        ledger_line=line,
        snapshot_row=_bytes(store, layout.snapshot(JOB_RUN), ".parquet") / _ROWS,
        manifest_file=_manifest_file(store.files(csv)[0][0]),
        listed_object=listed,
        second=_second(),
        open_rows=open_rows,
    )
    print(json.dumps(found))


def _write_ledger(store: Store, folder: str) -> float:
    total = 0
    for first in range(0, _ROWS, BATCH):
        body = b"".join(_line(number) + b"\n" for number in range(first, first + BATCH))
        store.write(f"{folder}part-0-{first // BATCH:06d}.jsonl", body)
        total += len(body)
    return total / _ROWS


def _line(number: int) -> bytes:
    """Of the record that is sent as the `number`-th, in a night that sends a thousand a second."""
    record = Record(f"U{number * 7_919 % _ROWS:09d}", f"{number % 10_001 / 100:.2f}", 0)
    flight = Flight.of(record, "https://crm.example.com/api/v1/update-score", DAY)
    flight.tries, flight.status = 1, 200
    flight.first_sent, flight.milliseconds = START + number / 1000, 30 + number * 13 % 997 / 10
    return flight.line(_DELIVERED, json.dumps(RUN), flight.first_sent + flight.milliseconds / 1000)


def _open_rows(store: Store, lines: Any) -> float:
    """Rows a second, of a list that is long enough for Spark's own start not to count."""
    final = lines.selectExpr("user_id", "'deferred' AS outcome", "reason", "http_status").persist()
    final.count()
    began = time.monotonic()
    _write_failed(store, final, _ROWS, layout.responses(DAY))
    return _ROWS / (time.monotonic() - began)


def _bytes(store: Store, folder: str, ending: str) -> int:
    return sum(size for name, size in store.files(folder) if name.endswith(ending))


def _manifest_file(name: str) -> float:
    """What one more file adds to the manifest of the scores."""
    some, more = (len(json.dumps(scores(DAY, _ROWS, [(name, 40_000_000)] * n), indent=1)) for n in (0, _FILES))
    return (more - some) / _FILES


def _second() -> float:
    tally = pickle.dumps(Tally(seconds=Counter({START + place: 500 + place % 100 for place in range(_SECONDS)})))
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

"""What a push leaves in S3 for the summary: `python -m benchmarks.scale.delivered BUCKET USERS RATE TASKS`.

Counts are made up, for nobody sends a hundred million requests for this; the documents that hold them, and their keys,
are made by the jobs' own code. In the Glue environment; prints one JSON line.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from statistics import NormalDist
from typing import Any

from benchmarks.scale.day import DAY, JOB_RUN, RUN, SCORED_AT, START, before, push_arguments, scores
from engagement_jobs import layout
from engagement_jobs.aws import Store
from engagement_jobs.canary import SIZE
from engagement_jobs.manifests import delivery_manifest
from engagement_jobs.tally import LATENCY_GROWTH, Tally

_EARLIER_DATES = 14
_ROWS_PER_FILE, _FILE_BYTES = 500_000, 20_000_000
# One record in so many is refused, and one in so many requests is tried again.
_REFUSED, _AGAIN = 300, 200
# As many ways to say no as the CRM's validation may know: more than an aggregate tells apart.
_WORDINGS = 60
_MEDIAN_MS, _SPREAD = 50, 8.0
_SHAPE = NormalDist(math.log(_MEDIAN_MS) / math.log(LATENCY_GROWTH), _SPREAD)
_BUCKETS = {bucket: _SHAPE.cdf(bucket + 1) - _SHAPE.cdf(bucket) for bucket in range(20, 212)}


def main() -> None:
    """Write all of it; print where it is, and how much."""
    bucket, (users, rate, tasks) = sys.argv[1], map(int, sys.argv[2:])
    store = Store(bucket)
    manifest = _write_scores(store, users)
    sent = {"plan": Tally(), "canary": _tally(START, SIZE, rate)}
    for task in range(tasks):
        rows = (users - SIZE) // tasks + (task < (users - SIZE) % tasks)
        sent[str(task)] = _tally(START + 1, rows, rate / tasks)
    total = Tally()
    for name, tally in sent.items():
        document = tally.aggregate(RUN, JOB_RUN, name, SCORED_AT)
        store.write_json(f"{layout.attempt(DAY, JOB_RUN)}agg-{name}.json", document)
        total.add(tally)
    delivery = delivery_manifest(
        push_arguments(DAY, rate, tasks), manifest, outcomes=total.outcomes, tally=total, stop=None, attempts=[JOB_RUN]
    )
    store.write_json(layout.responses(DAY) + layout.MANIFEST, delivery)
    lying = [size for name, size in store.files(layout.attempt(DAY, JOB_RUN)) if name.startswith("agg-")]
    told = {
        "score_date": DAY,
        "run_id": RUN,
        "counted_seconds": sum(len(tally.seconds) for tally in sent.values()),
        "aggregate_bytes": sum(lying),
    }
    print(json.dumps(told))


def _write_scores(store: Store, users: int) -> dict[str, Any]:
    """The manifests of this date, which is returned, and of those before it."""
    count = math.ceil(users / _ROWS_PER_FILE)
    files = [(f"part-{place:05d}-5f3c7a61-0d7e-4a5f-9b0e-2f1f6f0f6a11-c000.csv", _FILE_BYTES) for place in range(count)]
    manifest = scores(DAY, users, files)
    store.write_json(layout.scores(DAY) + layout.MANIFEST, manifest)
    for days in range(1, _EARLIER_DATES + 1):
        store.write_json(layout.scores(before(days)) + layout.MANIFEST, scores(before(days), users, files))
    return manifest


def _tally(start: int, rows: int, rate: float) -> Tally:
    """What one task counts of so many rows: requests in each second, answers by latency, refusals by wording."""
    tally = Tally(retries=rows // _AGAIN)
    tally.posts = rows + tally.retries
    left, place = tally.posts, 0
    while left:
        leave = min(left, int((place + 1) * rate) - int(place * rate))
        if leave:
            tally.seconds[start + place] = leave
        left, place = left - leave, place + 1
    tally.latency = Counter({bucket: math.ceil(tally.posts * share) for bucket, share in _BUCKETS.items()})
    refused = rows // _REFUSED
    for wording in range(_WORDINGS):
        detail = f"https://crm.example.com/problems/attribute-{wording}-is-not-writable"
        tally.settled("rejected", "http_422", 422, detail, refused // _WORDINGS)
    tally.settled("delivered", "http_200", 200, count=rows - tally.rows)
    tally.status_codes = Counter(
        {"200": tally.outcomes["delivered"], "422": tally.outcomes["rejected"], "503": tally.retries}
    )
    return tally


if __name__ == "__main__":
    main()

"""Count the ledger of an attempt that ended before its tasks had written their aggregates.

A task writes its aggregate when it ends, so a task that was killed leaves ledger lines without one. The job's next
attempt counts them; until there is one, this module does. Only counters are kept: the lines contain user ids.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from pydantic import ValidationError

from engagement.aws.s3 import Bucket
from engagement.contract.aggregate import Aggregate, RequestsPerSecond
from engagement.contract.ledger_line import LedgerLine
from engagement.contract.outcomes import NOT_REACHED, ErrorGroup
from engagement.contract.strict_model import list_faults
from engagement.summary.aggregation import BUCKET_RATIO, NO_SECONDS

TASK = "ledger"
"""Name of the aggregate, which is never written."""
MAX_SECONDS = 600.0
"""Time after which the rest of the ledger is not counted. The counts are lower limits anyway."""

_LEDGER_PART = re.compile(r"part-([a-z0-9]+)-[0-9]+\.jsonl")
_READERS = 8
_OBJECTS_AT_A_TIME = 64
_MAX_SPAN_SECONDS = 86_400

log = logging.getLogger(__name__)


@dataclass
class _Counts:
    """Counters of some ledger lines.

    :param errors: users not reached by outcome, reason and HTTP status
    :param seconds: requests by the epoch second of the user's first one
    :param broken: one clause for each object with an invalid line
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    status_codes: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)
    errors: Counter[tuple[str, str, int | None]] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def count(self, line: LedgerLine) -> None:
        self.outcomes[line.outcome] += 1
        self.posts += line.tries
        self.seconds[int(line.first_sent_at.timestamp())] += line.tries
        if line.http_status is not None:
            self.status_codes[str(line.http_status)] += 1
            if line.latency_ms is not None:
                self.latency[math.floor(math.log(max(line.latency_ms, 1e-3), BUCKET_RATIO))] += 1
        if line.outcome in NOT_REACHED:
            self.errors[line.outcome, line.reason, line.http_status] += 1

    def add(self, other: _Counts) -> None:
        self.outcomes.update(other.outcomes)
        self.posts += other.posts
        self.status_codes.update(other.status_codes)
        self.latency.update(other.latency)
        self.errors.update(other.errors)
        self.seconds.update(other.seconds)
        self.broken += other.broken

    def requests_per_second(self) -> RequestsPerSecond:
        first, last = min(self.seconds, default=0), max(self.seconds, default=0)
        if not self.posts or last - first > _MAX_SPAN_SECONDS:
            return NO_SECONDS
        return RequestsPerSecond(first=first, posts=tuple(self.seconds[second] for second in range(first, last + 1)))


def count_ledger(
    bucket: Bucket, folder: str, finished: Mapping[str, Aggregate], *, max_seconds: float = MAX_SECONDS
) -> tuple[Aggregate | None, list[str]]:
    """Count the ledger lines of an attempt's tasks that wrote no aggregate.

    A line has only the last response to its user. Requests that were in flight when the task was killed have no line,
    so the counts are lower limits.

    :param folder: S3 prefix of the attempt
    :param finished: the attempt's aggregates by task; at least one
    :param max_seconds: the objects that are left after this time are not counted
    :return: an aggregate of the task ``ledger``, None without lines to count, and one sentence for each object that
        cannot be read
    """
    keys = _ledger_keys(bucket, folder, finished)
    counts = _count_objects(bucket, keys, max_seconds)
    if left := next(keys, None):
        log.warning("Counted the ledger for %.0f s; the objects from %s on are not counted", max_seconds, left)
    if not counts.outcomes:
        return None, counts.broken
    return _aggregate(counts, next(iter(finished.values()))), counts.broken


def _ledger_keys(bucket: Bucket, folder: str, finished: Mapping[str, Aggregate]) -> Iterator[str]:
    for entry in bucket.list_objects(f"{folder}part-"):
        match = _LEDGER_PART.fullmatch(entry.key.removeprefix(folder))
        if match and match[1] not in finished:
            yield entry.key


def _count_objects(bucket: Bucket, keys: Iterator[str], max_seconds: float) -> _Counts:
    started, total = time.monotonic(), _Counts()
    with ThreadPoolExecutor(_READERS, thread_name_prefix="engagement-ledger") as readers:
        while time.monotonic() - started < max_seconds and (some := list(islice(keys, _OBJECTS_AT_A_TIME))):
            for counts in readers.map(partial(_count_object, bucket), some):
                total.add(counts)
    return total


def _count_object(bucket: Bucket, key: str) -> _Counts:
    counts = _Counts()
    try:
        for text in bucket.read_lines(key):
            counts.count(LedgerLine.model_validate_json(text))
    except ValidationError as error:
        counts.broken.append(f"The ledger object {key} cannot be read: {'; '.join(list_faults(error, LedgerLine))}")
    return counts


def _aggregate(counts: _Counts, plan: Aggregate) -> Aggregate:
    """Return the counts in the form of an aggregate of the same attempt as `plan`."""
    rows = counts.outcomes.total()
    return Aggregate(
        version=1,
        run_id=plan.run_id,
        job_run_id=plan.job_run_id,
        task=TASK,
        started_at=plan.started_at,
        rows=rows,
        outcomes=dict(counts.outcomes),  # type: ignore[arg-type] # a line has an outcome
        posts=counts.posts,
        retries=max(0, counts.posts - rows),
        status_codes=dict(counts.status_codes),
        latency=dict(counts.latency),
        errors=tuple(
            ErrorGroup(outcome=outcome, reason=reason, http_status=status, detail="", count=count)  # type: ignore[arg-type]
            for (outcome, reason, status), count in counts.errors.most_common()
        ),
        seconds=counts.requests_per_second(),
    )

"""How long a night takes and what it leaves in S3, from measured speeds, bytes and the product's own numbers.

Pure. Limits are the CRM's, in requests per second for the whole job; times are in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.scale import assumptions
from benchmarks.scale.measured import Measured
from benchmarks.scale.measurements import Product, Samples


@dataclass(frozen=True)
class Model:
    """What one night of so many users at such a limit comes to."""

    measured: Measured
    samples: Samples
    product: Product

    def tasks(self, limit: float) -> int:
        """Push tasks: a setting, raised only where that many could not send as fast as the CRM allows."""
        return max(self.product["push_tasks"], math.ceil(limit / self.measured.records_per_second))

    def workers(self, limit: float) -> int:
        """Workers of each job, the driver's included: all push tasks have to run at the same time."""
        return max(self.product["workers"], 1 + math.ceil(self.tasks(limit) / assumptions.SLOTS_PER_WORKER))

    @property
    def hashes_on_driver(self) -> float:
        """Users up to whom job 1's driver looks at their hashes itself."""
        return self.product["extract_on_driver"] / assumptions.EXTRACT_ROW

    def score_seconds(self, users: int) -> float:
        """Job 1: a straight line through what 1 and 10 million rows took, and Spark's way to find several rows of one
        user where they are too many for the driver."""
        first, last = self.measured.score_seconds_1m, self.measured.score_seconds_10m
        seconds = first + (last - first) * (users - 1e6) / 9e6
        if users > self.hashes_on_driver:
            seconds += self.measured.hash_seconds_10m * users / 1e7
        return seconds

    def until_sent(self, users: int, limit: float) -> float:
        """Job 2 until the last record has left, the plan before it included: what its deadline is held to."""
        return self.samples["fixed_seconds"] + users / self.samples["planned_rows"] + users / limit

    def push_seconds(self, users: int, limit: float) -> float:
        """Job 2: plan, sending, and behind it outcomes and snapshot, for which it asks S3 for its ledger again."""
        objects = self.ledger_objects(users, limit)
        slots = (self.workers(limit) - 1) * assumptions.SLOTS_PER_WORKER
        asking = assumptions.LEDGER_READS * objects * assumptions.S3_SECONDS / slots
        listing = assumptions.LEDGER_LISTS * listing_seconds(objects)
        return self.until_sent(users, limit) + users / self.samples["told_rows"] + asking + listing

    def seconds(self, users: int, limit: float) -> float:
        """Both jobs, one after the other."""
        return self.score_seconds(users) + self.push_seconds(users, limit)

    def score_files(self, users: int) -> int:
        """CSV files of the scores: one for each read of the extract."""
        return math.ceil(users / self.product["rows_per_partition"])

    def ledger_objects(self, users: int, limit: float) -> int:
        """One for each full batch of a task, or for what came in the seconds after which it is flushed anyway."""
        came = int(self.product["flush_seconds"] * limit / self.tasks(limit))
        return math.ceil(users / max(1, min(self.product["flush_lines"], came)))

    def counted_seconds(self, users: int, limit: float) -> int:
        """Seconds that all push tasks together count their requests by."""
        return self.tasks(limit) * math.ceil(users / limit)

    def score_driver_bytes(self, users: int) -> float:
        """Memory of job 1's driver that grows with the rows: hashes of the ids, while it looks at them itself."""
        return assumptions.HASH_COPIES * 8 * users if users <= self.hashes_on_driver else 0

    def push_driver_bytes(self, users: int, limit: float) -> float:
        """Memory of job 2's driver that grows: the names of the ledger's objects, and the tasks' counts by second."""
        names = self.samples["listed_object"] * self.ledger_objects(users, limit)
        return names + self.samples["counted_second"] * self.counted_seconds(users, limit)


def lists(objects: int) -> int:
    """Requests that it takes to list so many objects."""
    return math.ceil(objects / assumptions.KEYS_PER_LIST)


def listing_seconds(objects: int) -> float:
    """How long that takes, one request after the other."""
    return lists(objects) * assumptions.S3_SECONDS

"""One night as a model: how long it takes, what it costs, and which limits of the design it exceeds.

Times are in seconds, limits in requests per second for the whole push job.
"""

from __future__ import annotations

import bisect
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from benchmarks.push import benchmark as push
from benchmarks.results import Results, values
from benchmarks.score import benchmark as score
from infra import intrinsics
from local.processes import REPOSITORY

# Constants of the product, from the schema of its settings and the parameters of its template.
_SETTINGS = json.loads((REPOSITORY / "docs" / "reference" / "schemas" / "settings.json").read_text(encoding="utf-8"))[
    "properties"
]
_PARAMETERS = intrinsics.parse((REPOSITORY / "infra" / "pipeline.yaml").read_text(encoding="utf-8"))["Parameters"]
PUSH_TASKS = int(_SETTINGS["push_tasks"]["default"])
DEADLINE_SECONDS, MAX_DEADLINE_SECONDS = (int(_SETTINGS["deadline_seconds"][bound]) for bound in ("default", "maximum"))
DPU_HOUR_USD = float(_SETTINGS["dpu_hour_usd"]["default"])
WORKERS, PUSH_TIMEOUT_MINUTES, RESPONSES_DAYS = (
    int(_PARAMETERS[name]["Default"]) for name in ("NumberOfWorkers", "PushTimeoutMinutes", "ResponsesDays")
)
# The ledger is written after this many lines or seconds, whichever comes first.
FLUSH_LINES, FLUSH_SECONDS = 500, 2

# Assumptions about AWS: list prices of us-east-1, and G.1X workers of 1 DPU, of which the first runs no tasks.
SLOTS_PER_WORKER = 4
MIN_BILLED_SECONDS = 60
S3_WRITE_USD, S3_READ_USD = 0.005 / 1000, 0.0004 / 1000
S3_GB_MONTH_USD = 0.023
S3_SECONDS = 0.03
KEYS_PER_LIST = 1000
# The push job reads and lists its ledger for the outcomes and again for the snapshot; the summary lists it once.
LEDGER_READS, LEDGER_LISTS = 2, 3

MAX_USERS = 10**10  # more than any limit allows


@dataclass(frozen=True)
class Speeds:
    """Speeds and sizes that the other parts measured.

    :param task_rate: requests per second of one push task
    :param score_1m: seconds of the scoring job for one million rows; `score_10m` for ten million
    :param push_fixed: seconds of the push job before and after sending, independent of the number of users
    :param push_user: seconds that each user adds to `push_fixed`
    :param ledger_line: bytes per user in the ledger; `score_row` and `snapshot_row` likewise
    """

    task_rate: float
    score_1m: float
    score_10m: float
    push_fixed: float
    push_user: float
    ledger_line: float
    score_row: float
    snapshot_row: float

    @classmethod
    def of(cls, results: Results) -> Self:
        """Take the medians of the measured values.

        :raises LookupError: push or score was not measured completely
        """

        def median(part: str, case: str, name: str, figure: str) -> float:
            found = values(results[part].figures, case, name, figure) if part in results else []
            if not found:
                raise LookupError(f"the scale model needs {figure} of {name}, {case}: measure {part} first")
            return statistics.median(found)

        def of_push(users: int, figure: str) -> float:
            return median("push", push.SIZES, f"{users:,} users", figure)

        few, many = push.SIZE_USERS
        overhead = {users: of_push(users, "before") + of_push(users, "after") for users in (few, many)}
        each = max(0.0, (overhead[many] - overhead[few]) / (many - few))
        return cls(
            task_rate=median("push", "50 ms", push.CORE, "rate"),
            score_1m=median("score", "1,000,000 rows", score.CLEAN, "wall"),
            score_10m=median("score", "10,000,000 rows", score.CLEAN, "wall"),
            push_fixed=overhead[few] - each * few,
            push_user=each,
            ledger_line=of_push(many, "ledger_bytes") / many,
            score_row=of_push(many, "score_bytes") / many,
            snapshot_row=of_push(many, "snapshot_bytes") / many,
        )


@dataclass(frozen=True)
class Night:
    """One night with a number of users and a rate limit of the CRM, in requests per second."""

    speeds: Speeds
    users: int
    limit: int

    @property
    def tasks(self) -> int:
        """Number of push tasks: the setting, raised only if it could not reach the rate limit."""
        return max(PUSH_TASKS, math.ceil(self.limit / self.speeds.task_rate))

    @property
    def workers(self) -> int:
        """Workers of each job: the driver, and enough for all push tasks at the same time."""
        return max(WORKERS, 1 + math.ceil(self.tasks / SLOTS_PER_WORKER))

    @property
    def score_seconds(self) -> float:
        """Seconds of the scoring job: linear through the values for 1 and 10 million rows."""
        first, last = self.speeds.score_1m, self.speeds.score_10m
        return first + (last - first) * (self.users - 1e6) / 9e6

    @property
    def objects(self) -> int:
        """Number of ledger objects: one per full batch of a task, or per flush interval."""
        lines_per_flush = int(FLUSH_SECONDS * self.limit / self.tasks)
        return math.ceil(self.users / max(1, min(FLUSH_LINES, lines_per_flush)))

    @property
    def sending(self) -> float:
        """Seconds of the push job until its last request, to which its deadline applies."""
        return self.speeds.push_fixed + self.users / self.limit

    @property
    def push_seconds(self) -> float:
        """Seconds of the push job: sending, outcomes and snapshot, and reading its ledger from S3."""
        slots = (self.workers - 1) * SLOTS_PER_WORKER
        reading = LEDGER_READS * S3_SECONDS * (self.objects / slots + self.objects / KEYS_PER_LIST)
        return self.sending + self.users * self.speeds.push_user + reading

    @property
    def seconds(self) -> float:
        """Seconds of both jobs, one after the other."""
        return self.score_seconds + self.push_seconds

    @property
    def glue_usd(self) -> float:
        """Cost of both job runs in US dollars."""
        billed = max(self.score_seconds, MIN_BILLED_SECONDS) + max(self.push_seconds, MIN_BILLED_SECONDS)
        return billed / 3600 * self.workers * DPU_HOUR_USD

    @property
    def s3_usd(self) -> float:
        """Cost of the S3 requests for the ledger in US dollars; other objects are few."""
        writes = self.objects * (1 + LEDGER_LISTS / KEYS_PER_LIST)
        return writes * S3_WRITE_USD + LEDGER_READS * self.objects * S3_READ_USD

    @property
    def stored_bytes(self) -> float:
        """Bytes of ledger, scores and snapshot of this night."""
        speeds = self.speeds
        return self.users * (speeds.ledger_line + speeds.score_row + speeds.snapshot_row)

    @property
    def ledgers_month_usd(self) -> float:
        """Cost of storing all retained ledgers for a month, in US dollars."""
        return self.users * self.speeds.ledger_line * RESPONSES_DAYS / 1e9 * S3_GB_MONTH_USD


@dataclass(frozen=True)
class Limit:
    """A limit of the design.

    :param allows: whether a night is within the limit; if so, any smaller night is as well
    :param beyond: what happens with more users
    """

    name: str
    allows: Callable[[Night], bool]
    beyond: str

    def most_users(self, speeds: Speeds, limit: int) -> int:
        """Return the largest number of users that the limit allows at a rate limit of the CRM."""
        breaks = bisect.bisect_left(
            range(MAX_USERS), True, key=lambda users: not self.allows(Night(speeds, users, limit))
        )
        return breaks - 1


LIMITS = (
    Limit(
        "`deadline_seconds`",
        lambda night: night.sending <= DEADLINE_SECONDS,
        f"the push job refuses to start; {DEADLINE_SECONDS:,} s by default",
    ),
    Limit(
        f"{MAX_DEADLINE_SECONDS:,} s",
        lambda night: night.sending <= MAX_DEADLINE_SECONDS,
        "no `deadline_seconds` is enough; `changed` sends less",
    ),
    Limit(
        "`PushTimeoutMinutes`",
        lambda night: night.push_seconds <= PUSH_TIMEOUT_MINUTES * 60,
        f"Glue ends the push job; {PUSH_TIMEOUT_MINUTES} min by default",
    ),
    Limit("a day", lambda night: night.seconds <= 86_400, "the next night starts later, because runs do not overlap"),
)

"""Counts of what was sent and answered; never a user id, a payload or an answer's text.

A tally is what one task writes as its aggregate, and what the job adds up for its manifest.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

# Latency bucket i holds [1.05**i, 1.05**(i+1)) milliseconds.
LATENCY_GROWTH = 1.05
_LOG_GROWTH = math.log(LATENCY_GROWTH)
_MOST_GROUPS = 50
_MOST_KEPT = 500

ErrorGroup = tuple[str, str, int | None, str]


@dataclass
class DeliveryCounters:
    """Counts of one task, or of several after `add`."""

    outcomes: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    retries: int = 0
    status_codes: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)
    errors: Counter[ErrorGroup] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows that have an outcome."""
        return self.outcomes.total()

    def count_request(self, epoch: float, again: bool) -> None:
        """A request leaves at `epoch` (seconds, UTC)."""
        self.posts += 1
        self.retries += again
        self.seconds[int(epoch)] += 1

    def count_response(self, status: int, milliseconds: float) -> None:
        """An answer came back `milliseconds` after its request left."""
        self.status_codes[str(status)] += 1
        self.latency[math.floor(math.log(max(milliseconds, 1e-3)) / _LOG_GROWTH)] += 1

    def count_outcome(
        self, outcome: str, reason: str, http_status: int | None = None, detail: str = "", count: int = 1
    ) -> None:
        """`count` rows end in `outcome`; everything but a delivery is grouped by why."""
        self.outcomes[outcome] += count
        if outcome in ("rejected", "unknown", "deferred"):
            group = (outcome, reason, http_status, detail)
            # What the CRM says may be new with every record; what is kept of it must not grow with them.
            known = group in self.errors or len(self.errors) < _MOST_KEPT
            self.errors[group if known else (outcome, "other", None, "")] += count

    def change_to_unknown(self, outcome: str, reason: str, http_status: int | None, why: str) -> None:
        """A row that was counted as settled is `unknown` after all, for no trace of it can be kept."""
        self.outcomes[outcome] -= 1
        for group in self.errors:
            if group[:3] == (outcome, reason, http_status):
                self.errors[group] -= 1
                if not self.errors[group]:
                    del self.errors[group]
                break
        self.count_outcome("unknown", why)

    def add(self, other: DeliveryCounters) -> None:
        """Add another tally's counts to this one."""
        self.posts += other.posts
        self.retries += other.retries
        for name in ("outcomes", "status_codes", "latency", "errors", "seconds"):
            getattr(self, name).update(getattr(other, name))

    def error_groups(self) -> list[dict[str, Any]]:
        """The largest groups of errors, and one for all the others."""
        ranked = self.errors.most_common()
        groups: list[dict[str, Any]] = [
            {"outcome": outcome, "reason": reason, "http_status": status, "detail": detail, "count": count}
            for (outcome, reason, status, detail), count in ranked[:_MOST_GROUPS]
        ]
        others = sum(count for _, count in ranked[_MOST_GROUPS:])
        if others:
            groups.append({"outcome": "other", "reason": "other", "http_status": None, "detail": "", "count": others})
        return groups

    @classmethod
    def from_aggregate(cls, document: dict[str, Any]) -> DeliveryCounters:
        """The tally that an aggregate document was made of; its smallest groups of errors stay one."""
        groups = document["errors"]
        return cls(
            outcomes=Counter(document["outcomes"]),
            posts=document["posts"],
            retries=document["retries"],
            status_codes=Counter(document["status_codes"]),
            latency=Counter({int(bucket): count for bucket, count in document["latency"].items()}),
            errors=Counter({(g["outcome"], g["reason"], g["http_status"], g["detail"]): g["count"] for g in groups}),
            seconds=Counter(dict(enumerate(document["seconds"]["posts"], document["seconds"]["first"]))),
        )

    def aggregate(self, run_id: str, job_run_id: str, task: str, started_at: str) -> dict[str, Any]:
        """The aggregate document of one task; `started_at` is when the job's attempt began."""
        return {
            "version": 1,
            "run_id": run_id,
            "job_run_id": job_run_id,
            "task": task,
            "started_at": started_at,
            "rows": self.rows,
            "outcomes": dict(self.outcomes),
            "posts": self.posts,
            "retries": self.retries,
            "status_codes": dict(self.status_codes),
            "latency": {str(bucket): count for bucket, count in sorted(self.latency.items())},
            "errors": self.error_groups(),
            "seconds": self._each_second(),
        }

    def _each_second(self) -> dict[str, Any]:
        # From the first to the last, without their names: a task that sends for hours counts ten thousand of them.
        first, last = min(self.seconds, default=0), max(self.seconds, default=-1)
        return {"first": first, "posts": [self.seconds[second] for second in range(first, last + 1)]}

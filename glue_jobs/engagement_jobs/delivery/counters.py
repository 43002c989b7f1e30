"""Counters of requests, responses and outcomes, without user ids, payloads or free text of the CRM.

Error groups have the problem type of a response (RFC 9457), not its text.

A task writes them as its aggregate; the job adds them up for its manifest.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from engagement_jobs.contract.outcomes import NOT_REACHED

# Latency bucket i holds [1.05**i, 1.05**(i+1)) milliseconds.
LATENCY_GROWTH = 1.05
_LOG_GROWTH = math.log(LATENCY_GROWTH)
_MAX_REPORTED_GROUPS = 50
_MAX_COUNTED_GROUPS = 500

ErrorGroup = tuple[str, str, int | None, str]
"""Outcome, reason, HTTP status, problem type."""


@dataclass
class DeliveryCounters:
    """Counters of one task, or of several after `add`.

    :param posts: requests sent, retries included
    :param latency: responses by latency bucket
    :param errors: undelivered users by error group
    :param seconds: requests sent by epoch second
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    retries: int = 0
    status_codes: Counter[str] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)
    errors: Counter[ErrorGroup] = field(default_factory=Counter)
    seconds: Counter[int] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Number of rows that have an outcome."""
        return self.outcomes.total()

    def count_request(self, epoch: float, *, is_retry: bool) -> None:
        """Count a request that is sent at `epoch` (seconds, UTC)."""
        self.posts += 1
        if is_retry:
            self.retries += 1
        self.seconds[int(epoch)] += 1

    def count_response(self, status: int, milliseconds: float) -> None:
        """Count a response that arrived `milliseconds` after its request was sent."""
        self.status_codes[str(status)] += 1
        self.latency[math.floor(math.log(max(milliseconds, 1e-3)) / _LOG_GROWTH)] += 1

    def count_outcome(
        self, outcome: str, reason: str, http_status: int | None = None, detail: str = "", count: int = 1
    ) -> None:
        """Count `count` rows with this outcome. Users who were not reached are also counted by cause."""
        self.outcomes[outcome] += count
        if outcome in NOT_REACHED:
            group = (outcome, reason, http_status, detail)
            # The CRM may send a new problem type for every user. Memory must not grow with them.
            has_room = group in self.errors or len(self.errors) < _MAX_COUNTED_GROUPS
            self.errors[group if has_room else (outcome, "other", None, "")] += count

    def change_to_unknown(self, outcome: str, reason: str, http_status: int | None, new_reason: str) -> None:
        """Recount a row as `unknown`, because its ledger line could not be written."""
        self.outcomes[outcome] -= 1
        for group in self.errors:
            if group[:3] == (outcome, reason, http_status):
                self.errors[group] -= 1
                if not self.errors[group]:
                    del self.errors[group]
                break
        self.count_outcome("unknown", new_reason)

    def add(self, other: DeliveryCounters) -> None:
        """Add other counters to these."""
        self.posts += other.posts
        self.retries += other.retries
        self.outcomes.update(other.outcomes)
        self.status_codes.update(other.status_codes)
        self.latency.update(other.latency)
        self.errors.update(other.errors)
        self.seconds.update(other.seconds)

    def error_groups(self) -> list[dict[str, Any]]:
        """Return the largest error groups, and one that contains all others."""
        ranked = self.errors.most_common()
        groups: list[dict[str, Any]] = [
            {"outcome": outcome, "reason": reason, "http_status": status, "detail": detail, "count": count}
            for (outcome, reason, status, detail), count in ranked[:_MAX_REPORTED_GROUPS]
        ]
        others = sum(count for _, count in ranked[_MAX_REPORTED_GROUPS:])
        if others:
            groups.append({"outcome": "other", "reason": "other", "http_status": None, "detail": "", "count": others})
        return groups

    @classmethod
    def from_aggregate(cls, document: dict[str, Any]) -> DeliveryCounters:
        """Read the counters of an aggregate document. The groups that it combines in one group stay combined."""
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
        """Return the aggregate document of one task.

        :param started_at: when the attempt of the job began
        """
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
            "seconds": self._requests_per_second(),
        }

    def _requests_per_second(self) -> dict[str, Any]:
        # One number per second without its timestamp, because a task that sends for hours has 10,000 of them.
        first, last = min(self.seconds, default=0), max(self.seconds, default=-1)
        return {"first": first, "posts": [self.seconds[second] for second in range(first, last + 1)]}

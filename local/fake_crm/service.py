"""Everything that one running CRM knows."""

import random
from dataclasses import dataclass
from typing import Any

from local.fake_crm.fault_injector import FaultInjector
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.idempotency_store import IdempotencyStore
from local.fake_crm.request_log import RequestLog
from local.fake_crm.score_store import ScoreStore
from local.fake_crm.token_bucket import TokenBucket
from local.fake_crm.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the CRM behaves. `rate` in requests per second, None for no limit; times in milliseconds."""

    token: str
    rate: float | None = None
    burst: float | None = None
    latency_ms: float = 0
    latency_jitter_ms: float = 0
    fault: Fault = NO_FAULT


class FakeCrm:
    """State of the fake CRM; requests change it through `update`, and `inspection` shows it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.token = options.token  # of the update endpoint; `options.token` opens the inspection for good
        self.scores = ScoreStore()
        self.keys = IdempotencyStore()
        self.traffic = Traffic()
        self.log = RequestLog()
        self.faults = FaultInjector(options.fault)
        self.bucket = None if options.rate is None else TokenBucket(options.rate, options.burst)
        self._random = random.Random(0)  # noqa: S311 (jitter, not a secret)

    def latency(self) -> float:
        """Return the seconds that the next update takes."""
        jitter = self.options.latency_jitter_ms
        return (self.options.latency_ms + (self._random.uniform(0, jitter) if jitter else 0)) / 1000

    def reset(self) -> None:
        """Forget scores, keys, counts and requests. The fault and the token stay as they are switched."""
        for memory in (self.scores, self.keys, self.traffic, self.log):
            memory.clear()

    def stats(self) -> dict[str, Any]:
        """Return all counts; `duplicates` are requests and applications beyond the first."""
        return {
            **self.traffic.as_json(),
            "applied": self.scores.applied,
            "users": self.scores.users,
            "keys": self.keys.distinct,
            "duplicates": {
                "requests_per_user": self.scores.requests_beyond_first,
                "requests_per_key": self.keys.requests_beyond_first,
                "applied_per_user": self.scores.applied - self.scores.users,
                "applied_per_key": self.keys.applied_twice,
            },
        }

"""Everything that one running CRM knows."""

import random
from dataclasses import dataclass
from typing import Any

from local.crm.book import Book
from local.crm.faults import NO_FAULT, Fault
from local.crm.keys import KeyStore
from local.crm.pace import TokenBucket
from local.crm.requestlog import RequestLog
from local.crm.switch import Faults
from local.crm.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the CRM behaves. `rate` in requests per second, None for no limit; times in milliseconds."""

    token: str
    rate: float | None = None
    burst: float | None = None
    latency_ms: float = 0
    latency_jitter_ms: float = 0
    max_keys: int = 4_000_000
    fault: Fault = NO_FAULT


class Crm:
    """State of the stand-in; requests change it through `update`, and `inspection` shows it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.token = options.token  # of the update endpoint; `options.token` opens the inspection for good
        self.book = Book()
        self.keys = KeyStore(options.max_keys)
        self.traffic = Traffic()
        self.log = RequestLog()
        self.faults = Faults(options.fault)
        self.bucket = None if options.rate is None else TokenBucket(options.rate, options.burst)
        self._random = random.Random(0)  # noqa: S311 (jitter, not a secret)

    def latency(self) -> float:
        """Return the seconds that the next update takes."""
        options = self.options
        if not options.latency_jitter_ms:
            return options.latency_ms / 1000
        return (options.latency_ms + self._random.uniform(0, options.latency_jitter_ms)) / 1000

    def reset(self) -> None:
        """Forget scores, keys, counts and requests. The fault and the token stay as they are switched."""
        self.book.clear()
        self.keys.clear()
        self.traffic.clear()
        self.log.clear()

    def stats(self) -> dict[str, Any]:
        """Return all counts; `duplicates` are requests and applications beyond the first."""
        return {
            **self.traffic.as_json(),
            "applied": self.book.applied,
            "users": self.book.users,
            "keys": self.keys.distinct,
            "keys_forgotten": self.keys.forgotten,
            "duplicates": {
                "requests_per_user": self.book.requests_beyond_first,
                "requests_per_key": self.keys.requests_beyond_first,
                "applied_per_user": self.book.applied - self.book.users,
                "applied_per_key": self.keys.applied_twice,
            },
        }

"""The state of a running fake CRM."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local.fake_crm.access.oauth import AccessTokens, OAuthClient
from local.fake_crm.fault_injector import FaultInjector
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.idempotency_store import IdempotencyStore
from local.fake_crm.request_log import RequestLog
from local.fake_crm.score_store import ScoreStore
from local.fake_crm.token_bucket import TokenBucket
from local.fake_crm.traffic import Traffic


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the CRM behaves.

    :param token: bearer token of clients; only of the inspection API if there are other headers
    :param credential_headers: headers that the update endpoints expect instead
    :param oauth: the client of /oauth/token; the update endpoints also accept its access tokens
    :param rate: rate limit in requests per second; None is unlimited
    :param burst: requests at once within the rate limit; None is the rate
    :param latency_ms: latency of an update
    :param latency_jitter_ms: maximum random latency in addition
    :param fault: the fault that is switched on at the start
    """

    token: str
    credential_headers: Mapping[str, str] | None = field(default=None, repr=False)
    oauth: OAuthClient | None = None
    rate: float | None = None
    burst: float | None = None
    latency_ms: float = 0
    latency_jitter_ms: float = 0
    fault: Fault = NO_FAULT


class FakeCrm:
    """State of the fake CRM. `update_endpoint` changes it, `inspection` shows it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.token = options.token  # of the update endpoint; the inspection always takes `options.token`
        self.access_tokens = None if options.oauth is None else AccessTokens(options.oauth)
        self.token_faults = FaultInjector()
        self.scores = ScoreStore()
        self.idempotency_keys = IdempotencyStore()
        self.traffic = Traffic()
        self.request_log = RequestLog()
        self.faults = FaultInjector(options.fault)
        self.bucket = None if options.rate is None else TokenBucket(options.rate, options.burst)
        self._random = random.Random(0)  # noqa: S311 (jitter, not a secret)

    def latency(self) -> float:
        """Return the latency of the next update, in seconds."""
        return (self.options.latency_ms + self._random.uniform(0, self.options.latency_jitter_ms)) / 1000

    def reset(self) -> None:
        """Remove scores, keys, counts and requests, but keep the current faults and tokens."""
        for store in (self.scores, self.idempotency_keys, self.traffic, self.request_log):
            store.clear()
        if self.access_tokens is not None:
            self.access_tokens.clear()

    def stats(self) -> dict[str, Any]:
        """Return all counts. `duplicates` counts requests and applied updates after the first one."""
        return {
            **self.traffic.as_json(),
            "applied": self.scores.applied,
            "users": self.scores.users,
            "tokens": None if self.access_tokens is None else self.access_tokens.as_json(),
            "keys": self.idempotency_keys.distinct,
            "duplicates": {
                "requests_per_user": self.scores.requests_beyond_first,
                "requests_per_key": self.idempotency_keys.requests_beyond_first,
                "applied_per_user": self.scores.applied - self.scores.users,
                "applied_per_key": self.idempotency_keys.applied_twice,
            },
        }

"""Scheduling of one task's requests: which one is sent next, and when."""

from __future__ import annotations

import asyncio
import time

from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.token_refresh import TokenRefresher
from engagement_jobs.delivery.work_queue import WorkQueue

_HOLD_SECONDS = 0.05
# No sleep is longer, so that a reason to stop is noticed in time.
_MAX_SLEEP_SECONDS = 1.0


class RequestScheduler:
    """Hands out requests to workers, of which there are as many as requests may be in flight.

    Only one worker at a time waits for the next request. The others wait for that worker.
    """

    def __init__(
        self,
        settings: DeliverySettings,
        queue: WorkQueue,
        limits: RequestLimits,
        ledger: Ledger,
        stop_conditions: StopConditions,
        token: TokenRefresher,
        canary: Canary | None,
    ) -> None:
        self.workers = 0
        self.in_flight = 0
        self._probes = 0
        self._settings, self._queue, self._limits, self._ledger = settings, queue, limits, ledger
        self._stop_conditions, self._token, self._canary = stop_conditions, token, canary
        self._turn = asyncio.Lock()
        self._wake: asyncio.Future[None] | None = None

    def try_next(self) -> InFlightRequest | None:
        """Take the next request if one may be sent now; the usual case, without waiting for the lock."""
        now = time.monotonic()
        if self._token.in_progress or self._limits.breaker.opened_at is not None:
            return None
        if (
            self.workers > self._limits.concurrency.limit
            or self._stop_conditions.check(now, self.in_flight)
            or self._delay(now)
        ):
            return None
        return self._take(now)

    async def wait_for_next(self) -> InFlightRequest | None:
        """Wait until a request may be sent and take it; None if there is no more work for this worker."""
        async with self._turn:
            while self.workers <= self._limits.concurrency.limit:
                await self._token.wait()
                await self._queue.refill()
                now = time.monotonic()
                if self._stop_conditions.check(now, self.in_flight):
                    return None
                if self._queue.is_empty and not self.in_flight:
                    return None
                if breaker_delay := self._limits.breaker.delay(now):
                    await self._sleep(breaker_delay)
                elif delay := self._delay(now):
                    await asyncio.sleep(min(delay, _MAX_SLEEP_SECONDS))
                elif (request := self._take(now)) is not None:
                    return request
                elif self.in_flight or (self._queue.waiting and self._limits.retry_budget.allows_retry()):
                    await self._sleep(self._seconds_until_retry(now))
                else:
                    return None
        return None

    def finish(self) -> None:
        """Note that a request has ended."""
        self.in_flight -= 1
        self._wake_up()

    def _delay(self, now: float) -> float:
        """Return the seconds until the ledger, the evidence and the rate limit allow a request."""
        if self._ledger.is_full or self._stop_conditions.hold:
            return _HOLD_SECONDS
        return self._limits.rate.delay(now)

    def _seconds_until_retry(self, now: float) -> float:
        if not self._limits.retry_budget.allows_retry():
            return _MAX_SLEEP_SECONDS
        return self._queue.seconds_until_retry(now)

    def _take(self, now: float) -> InFlightRequest | None:
        request = self._select(now)
        if request is None:
            return None
        self._limits.acquire(request)
        self.in_flight += 1
        return request

    def _select(self, now: float) -> InFlightRequest | None:
        """Select a repeated request if one may be sent, else a new one.

        A probe of the breaker prefers a new user, because the waiting ones may be the cause of the failures. Every
        second one is a retry, because the CRM may fail only the first request of each user.
        """
        if self._limits.breaker.opened_at is not None:
            self._probes += 1
            retry = self._queue.next_retry(now) if self._probes % 2 == 0 else None
            return retry or self._next_new(now) or self._next_repeated(now) or self._queue.throttled.take_held()
        return self._next_repeated(now) or self._next_new(now) or self._queue.throttled.take_held()

    def _next_repeated(self, now: float) -> InFlightRequest | None:
        if not self._queue.waiting:
            return None
        throttled = self._queue.throttled.take(self._queue.started)
        if throttled is not None:
            return throttled
        return self._queue.next_retry(now) if self._limits.retry_budget.allows_retry() else None

    def _next_new(self, now: float) -> InFlightRequest | None:
        is_probe = self._limits.breaker.opened_at is not None
        if self._canary is not None and not self._canary.allows(self._queue.started, now, is_probe=is_probe):
            return None
        update = self._queue.next_new()
        if update is None:
            return None
        if self._canary is not None:
            self._canary.start(update.user_id, now)
        return InFlightRequest.of(update, self._settings.template)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until a request ends, but at most for `seconds`."""
        loop = asyncio.get_running_loop()
        self._wake = loop.create_future()
        timer = loop.call_later(min(max(seconds, 0.001), _MAX_SLEEP_SECONDS), self._wake_up)
        await self._wake
        timer.cancel()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

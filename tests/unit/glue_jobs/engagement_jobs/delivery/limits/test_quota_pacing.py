"""Pacing by announced quotas, in a simulation of tasks and a CRM with a clock of their own."""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import pytest

from engagement_jobs.crm_client.headers.quotas import Quota
from engagement_jobs.delivery.limits.quota_pacing import NO_LIMIT, QuotaPacing
from engagement_jobs.delivery.limits.rate_limiter import RateLimiter


class Server(Protocol):
    """A CRM with 750 requests a minute."""

    throttled: int

    def accept(self, now: float) -> None: ...

    def quota(self, now: float) -> Quota: ...

    def capacity(self, seconds: float) -> float: ...


@dataclass
class FixedWindow:
    """750 requests in each minute from the first request on; a reset is rounded up to full seconds."""

    throttled: int = 0
    _ends_at: float = -1.0
    _used: int = 0

    def accept(self, now: float) -> None:
        if now >= self._ends_at:
            self._ends_at, self._used = now + 60, 0
        self.throttled += self._used >= 750
        self._used = min(750, self._used + 1)

    def quota(self, now: float) -> Quota:
        return Quota(750 - self._used, max(1.0, math.ceil(self._ends_at - now)), "")

    def capacity(self, seconds: float) -> float:
        return 12.5 * seconds


@dataclass
class TokenBucket:
    """12.5 tokens a second, at most 750.

    :param until_full: a reset is when the bucket is full, otherwise when it has the next token
    """

    until_full: bool
    throttled: int = 0
    _tokens: float = 750.0
    _filled_at: float = 0.0

    def accept(self, now: float) -> None:
        self._tokens = min(750.0, self._tokens + (now - self._filled_at) * 12.5)
        self._filled_at = now
        self.throttled += self._tokens < 1
        self._tokens = max(0.0, self._tokens - 1)

    def quota(self, now: float) -> Quota:
        del now  # asked right after `accept`
        reset = (750 - self._tokens) / 12.5 if self.until_full else 1 / 12.5
        return Quota(int(self._tokens), max(1.0, math.ceil(reset)), "")

    def capacity(self, seconds: float) -> float:
        return 750 + 12.5 * seconds


@dataclass
class Task:
    """One push task with its limiter."""

    rate: RateLimiter
    quotas: QuotaPacing
    left: int
    sent: int = 0
    in_flight: int = 0


@dataclass
class Simulation:
    """Tasks that send to one server, each request with a latency of its own.

    :param latency: the shortest and the longest round trip in seconds
    """

    server: Server
    tasks: list[Task]
    latency: tuple[float, float]
    now: float = 0.0
    _random: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def run(self) -> None:
        for task in self.tasks:
            self._after(self._random.uniform(0, 0.5), functools.partial(self._send, task))
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()

    def _after(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), event))

    def _send(self, task: Task) -> None:
        if not task.left:
            return
        delay = 0.01 if task.in_flight >= 64 else task.rate.delay(self.now)
        if not delay:
            task.rate.acquire()
            task.left, task.sent, task.in_flight = task.left - 1, task.sent + 1, task.in_flight + 1
            number, seconds = task.sent, self._random.uniform(*self.latency) / 2
            self._after(seconds, lambda: self._arrive(task, number, seconds))
        self._after(min(delay, 1.0), lambda: self._send(task))

    def _arrive(self, task: Task, number: int, seconds: float) -> None:
        self.server.accept(self.now)
        quota = self.server.quota(self.now)
        self._after(seconds, lambda: self._receive(task, number, quota))

    def _receive(self, task: Task, number: int, quota: Quota) -> None:
        task.in_flight -= 1
        pace = task.quotas.pace(self.now, [quota], task.sent - number, task.left)
        task.rate.set_pace(self.now, pace)


def simulate(server: Server, tasks: int, users: int = 10_000, latency: tuple[float, float] = (0.02, 0.2)) -> float:
    """Return the seconds that `tasks` tasks need for `users` users, with a limit of 50 requests per second."""
    parts = [
        Task(RateLimiter(50 / tasks, max(1.0, 5 / tasks)), QuotaPacing(tasks, 86_400.0), users // tasks)
        for _ in range(tasks)
    ]
    simulation = Simulation(server, parts, latency)
    simulation.run()
    return simulation.now


SERVERS: dict[str, Callable[[], Server]] = {
    "fixed window": FixedWindow,
    "bucket, until full": lambda: TokenBucket(until_full=True),
    "bucket, next token": lambda: TokenBucket(until_full=False),
}


@pytest.mark.parametrize("latency", [(0.02, 0.2), (1.0, 3.0)])
@pytest.mark.parametrize("tasks", [1, 4, 16])
@pytest.mark.parametrize("server", SERVERS)
def test_a_quota_is_used_and_never_exceeded(server: str, tasks: int, latency: tuple[float, float]) -> None:
    crm = SERVERS[server]()
    seconds = simulate(crm, tasks, latency=latency)
    assert crm.throttled == 0
    assert 10_000 / crm.capacity(seconds) >= 0.9


def test_a_quota_that_suffices_is_no_limit() -> None:
    pacing = QuotaPacing(4, 86_400.0)
    daily = Quota(99_000, 80_000.0, "")
    assert pacing.pace(0.0, [daily], 0, 2_500) is NO_LIMIT
    assert pacing.pace(0.0, [daily, Quota(90, 10.0, "")], 0, 2_500).rate == pytest.approx(90 / 10 / 4, rel=0.1)
    assert pacing.pace(0.0, [daily], 0, math.inf).rate == math.inf


def test_requests_on_their_way_are_taken_off() -> None:
    pacing = QuotaPacing(2, 86_400.0)
    assert pacing.pace(0.0, [Quota(100, 10.0, "")], 40, math.inf).rate < 1
    assert pacing.pace(0.0, [Quota(100, 10.0, "")], 50, math.inf).rate == 0


@pytest.mark.parametrize(("quota", "reset_at"), [(Quota(0, 30.0, ""), 30.0), (Quota(0, 1e7, ""), 600.0)])
def test_a_used_up_quota_is_a_wait_up_to_the_cap(quota: Quota, reset_at: float) -> None:
    pace = QuotaPacing(1, 600.0).pace(0.0, [quota], 0, math.inf)
    assert (pace.rate, pace.reset_at) == (0.0, reset_at)


def test_a_reset_that_is_not_announced_counts_as_a_second() -> None:
    pace = QuotaPacing(1, 600.0).pace(5.0, [Quota(0, None, "")], 0, math.inf)
    assert (pace.rate, pace.reset_at) == (0.0, 6.0)


@pytest.mark.parametrize(("remaining", "users"), [(2000, 1500), (1100, 1000), (800, 1500)])
@pytest.mark.parametrize("seconds", [601.0, 28_800.0, 1_728_000.0])
def test_a_long_quota_is_used_without_a_delay(remaining: int, users: int, seconds: float) -> None:
    assert QuotaPacing(1, 86_400.0).pace(0.0, [Quota(remaining, seconds, "")], 8, users) is NO_LIMIT


@pytest.mark.parametrize("seconds", [31.0, 300.0, 28_800.0])
def test_a_quota_is_not_spread_beyond_the_deadline(seconds: float) -> None:
    pacing = QuotaPacing(1, 86_400.0, deadline=130.0)
    assert pacing.pace(100.0, [Quota(50, seconds, "")], 8, 1500) is NO_LIMIT
    used_up = pacing.pace(100.0, [Quota(0, seconds, "")], 0, 1500)
    assert (used_up.rate, used_up.reset_at) == (0.0, 100.0 + seconds)


def test_the_last_requests_of_a_long_quota_are_not_lost() -> None:
    pace = QuotaPacing(1, 86_400.0).pace(100.0, [Quota(8, 28_800.0, "")], 8, 1500)
    assert (pace.at(100.0), pace.reset_at, pace.at(101.0)) == (0.0, 101.0, 8.0)


def test_a_short_quota_counts_with_a_long_one() -> None:
    quotas = [Quota(100, 10.0, ""), Quota(1000, 28_800.0, "")]
    assert QuotaPacing(1, 86_400.0).pace(0.0, quotas, 0, 1500).rate == pytest.approx(10, rel=0.1)

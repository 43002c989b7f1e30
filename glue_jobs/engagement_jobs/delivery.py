"""The delivery core: rows in, outcomes out. No Spark, no Airflow, no S3 in it.

One dispatcher decides when the next request may leave (pace, breaker, concurrency, room in the ledger) and which
record it carries (a retry that is due, else a fresh row). Requests complete in any order. Whatever ends the run
early, every record that was opened gets a ledger line, and every row is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
import logging
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from engagement_jobs.canary import Canary
from engagement_jobs.health import Breaker, Concurrency, RetryBudget, backoff
from engagement_jobs.ledger import Ledger
from engagement_jobs.outcomes import Next, Verdict, classify
from engagement_jobs.pacing import Pace, retry_after_seconds
from engagement_jobs.records import Record, idempotency_key
from engagement_jobs.stops import Stop
from engagement_jobs.tally import Tally
from engagement_jobs.transport import AmbiguousError, Answer, Transport, UnsentError

_CHUNK = 500
_MOST_WAITING_RETRIES = 10_000
_MOST_WAITS = 20
_PROGRESS_SECONDS = 5.0
_LEDGER_SECONDS = 0.05
_IN_DOUBT = Verdict(Next.RETRY, "unknown", "earlier_attempt")
# The reason of a row that was never opened although nothing stopped its task.
UNSENT = "unsent"

log = logging.getLogger("engagement.delivery")


@dataclass(frozen=True)
class Policy:
    """How one task delivers.

    :param rate: requests per second of this task, retries included
    :param burst: requests that may leave at once after a pause
    :param deadline: epoch seconds after which nothing is sent
    :param give_up_after: seconds without any healthy answer after which the task stops
    """

    endpoint: str
    score_date: str
    run_id: str
    rate: float
    burst: float
    max_concurrency: int
    max_attempts: int
    deadline: float
    give_up_after: float


@dataclass(slots=True)
class _Flight:
    """A record that has been opened: what was tried so far."""

    record: Record
    payload: bytes
    key: str
    tries: int = 0
    attempts: int = 0
    first_sent: float = 0.0
    waits: int = 0
    settled_before: int = 0
    probe: bool = False
    milliseconds: float | None = None
    status: int | None = None
    last: Verdict | None = None
    ambiguous: Verdict | None = None


@dataclass
class Delivery:
    """Delivers the rows of one task.

    :param name: the task's name in log lines
    :param canary: lets the first records out in stages; for the driver's own task
    """

    policy: Policy
    transport: Transport
    ledger: Ledger
    name: str = "task"
    canary: Canary | None = None
    tally: Tally = field(default_factory=Tally)
    stop: Stop | None = None

    def __post_init__(self) -> None:
        policy = self.policy
        self._pace = Pace(policy.rate, policy.burst)
        self._breaker = Breaker(policy.give_up_after, in_a_row=3 if self.canary else 20)
        self._budget = RetryBudget()
        self._concurrency = Concurrency(policy.max_concurrency)
        self._retries: list[tuple[float, int, _Flight]] = []
        self._order = itertools.count()
        self._fresh: deque[Record] = deque()
        self._requests: set[asyncio.Task[None]] = set()
        self._wake: asyncio.Future[None] | None = None
        self._refreshing = asyncio.Lock()
        self._healthy_at = 0.0
        # Told to wait by the server, or by a newer token: they leave as soon as the pace allows, and cost nothing.
        self._paced: deque[_Flight] = deque()
        self._opened = 0
        self._settled = 0
        self._last_failure = "none"

    async def run(self, rows: Iterable[Record]) -> None:
        """Send `rows`; afterwards `tally` adds up to them and `stop` tells why not all were sent."""
        self._rows: Iterator[Record] = iter(rows)
        self._more = True
        self._loop = asyncio.get_running_loop()
        self._healthy_at = self._loop.time()
        flusher = asyncio.create_task(self.ledger.run())
        progress = asyncio.create_task(self._progress())
        try:
            await self._dispatch()
            if self._requests:
                await asyncio.wait(self._requests)
            self._abandon_retries()
            await self._count_unsent()
        finally:
            progress.cancel()
            self.ledger.close()
            await flusher
        if self.ledger.failed:
            self.stop = Stop("ledger_unwritable", self.ledger.failed)

    # -- when, and which ------------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        while not self._must_stop():
            delay = self._delay()
            if delay > 0:
                await self._pause(delay)
                continue
            flight = await self._next()
            if flight is not None:
                self._launch(flight)
            elif self._requests or (self._retries and self._budget.allows()):
                await self._pause(self._until_retry())
            elif self._retries:
                # The budget is spent and nothing is under way that could earn more of it.
                self._abandon_retries()
            else:
                return

    def _must_stop(self) -> bool:
        if self.stop is None:
            self.stop = self._reason_to_stop(self._loop.time())
        return self.stop is not None

    def _reason_to_stop(self, now: float) -> Stop | None:
        left = self.policy.deadline - time.time()
        if left <= 0:
            return Stop("deadline", "The deadline of the job has passed.")
        if self._pace.not_before - now > left:
            until = time.time() + self._pace.not_before - now
            return Stop("retry_after", "The CRM asked for a pause that is longer than the time left.", until)
        idle = now - max(self._healthy_at, self._pace.not_before)
        waiting = self._requests or self._paced or self._retries
        if self._breaker.spent(now, self._pace.not_before) or (waiting and idle >= self.policy.give_up_after):
            return Stop(
                "crm_unavailable",
                f"No healthy answer of the CRM for {self.policy.give_up_after:.0f} s; last: {self._last_failure}.",
            )
        if self.ledger.failed:
            return Stop("ledger_unwritable", self.ledger.failed)
        refusal = self.canary.refusal() if self.canary else None
        if refusal:
            return Stop(
                "canary_refused",
                f"The CRM answered the first {self._opened} records with nothing but {refusal}: "
                "base_url or the records do not fit this CRM.",
            )
        return None

    def _delay(self) -> float:
        """Seconds until it is worth looking again; 0 when a request may leave now."""
        if len(self._requests) >= self._concurrency.limit:
            return 1.0
        if self.ledger.full:
            return _LEDGER_SECONDS
        now = self._loop.time()
        return max(self._breaker.wait(now), self._pace.wait(now))

    async def _next(self) -> _Flight | None:
        """A retry that is due, else a fresh row; a probe takes a fresh row first, for its record may be the trouble."""
        flight = await self._fresh_flight() if self._breaker.opened_at is not None else self._due_retry()
        if flight is not None:
            return flight
        return self._due_retry() if self._breaker.opened_at is not None else await self._fresh_flight()

    def _due_retry(self) -> _Flight | None:
        if self._paced:
            return self._paced.popleft()
        due = self._retries and self._retries[0][0] <= self._loop.time()
        return heapq.heappop(self._retries)[2] if due and self._budget.allows() else None

    async def _fresh_flight(self) -> _Flight | None:
        if self.canary and not (self._breaker.opened_at is not None or self.canary.allows(self._opened)):
            return None
        if not self._fresh and self._more:
            # Spark's iterator blocks; a thread reads it so that answers are handled meanwhile.
            chunk = await asyncio.to_thread(lambda: list(itertools.islice(self._rows, _CHUNK)))
            self._more = len(chunk) == _CHUNK
            self._fresh.extend(chunk)
        if not self._fresh:
            return None
        self._opened += 1
        record = self._fresh.popleft()
        payload = record.payload()
        key = idempotency_key(self.policy.endpoint, self.policy.score_date, record, payload)
        return _Flight(record, payload, key)

    def _until_retry(self) -> float:
        if not self._retries or not self._budget.allows():
            return 1.0
        return max(0.001, min(1.0, self._retries[0][0] - self._loop.time()))

    async def _pause(self, seconds: float) -> None:
        """Wait until something completes, or for `seconds` (at most one, so that a stop is noticed)."""
        self._wake = self._loop.create_future()
        timer = self._loop.call_later(min(seconds, 1.0), self._wake_up)
        await self._wake
        timer.cancel()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- one request ----------------------------------------------------------------------------------------------

    def _launch(self, flight: _Flight) -> None:
        epoch = time.time()
        self._pace.take()
        self._breaker.sent()
        flight.probe = self._breaker.probing
        again = flight.tries > 0
        self._budget.posts += 1
        self._budget.retries += again and not flight.waits and not flight.probe
        self.tally.sent(epoch, again)
        flight.tries += 1
        flight.first_sent = flight.first_sent or epoch
        request = asyncio.create_task(self._request(flight))
        self._requests.add(request)
        request.add_done_callback(self._done)

    def _done(self, request: asyncio.Task[None]) -> None:
        self._requests.discard(request)
        self._wake_up()
        request.result()

    async def _request(self, flight: _Flight) -> None:
        try:
            await self._exchange(flight)
        except Exception as error:  # noqa: BLE001 - the record keeps its line, whatever it is
            # Where, not what: the message of an error may hold what the CRM said, or a header.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("%s at %s:%s ended the delivery", type(error).__name__, place.name, place.lineno)
            self._settle(flight, Verdict(Next.STOP, "unknown", "internal_error"))
            self.stop = self.stop or Stop(
                "internal_error", f"The delivery itself failed with {type(error).__name__}; its log says where."
            )

    async def _exchange(self, flight: _Flight) -> None:
        started = self._loop.time()
        answer: Answer | None = None
        flight.status = None
        try:
            answer = await self.transport.post(flight.payload, flight.key)
        except UnsentError as error:
            verdict = Verdict(Next.RETRY, "deferred", str(error))
        except AmbiguousError as error:
            verdict = Verdict(Next.RETRY, "unknown", str(error))
        else:
            verdict = classify(answer.status, answer.headers, answer.body)
            seconds = self._loop.time() - started
            flight.status, flight.milliseconds = answer.status, seconds * 1000
            self.tally.answered(answer.status, flight.milliseconds)
            self._concurrency.record(seconds)
        self._judge(verdict)
        flight.last = verdict
        if verdict.outcome == "unknown":
            flight.ambiguous = verdict
        await self._follow(flight, verdict, answer)

    def _judge(self, verdict: Verdict) -> None:
        """Tell the judges how it went; pushback and refused tokens say nothing about health."""
        now = self._loop.time()
        healthy = verdict.next is Next.SETTLE or verdict.reason == "http_409"
        if healthy:
            self._healthy_at = now
        elif verdict.next is Next.RETRY:
            self._last_failure = verdict.reason
        if healthy or verdict.next is Next.RETRY:
            self._breaker.record(now, healthy)
        else:
            self._breaker.release(now)

    async def _follow(self, flight: _Flight, verdict: Verdict, answer: Answer | None) -> None:
        if verdict.next is Next.SETTLE:
            self._settled += 1
            self._settle(flight, verdict)
        elif verdict.next is Next.RETRY:
            # A probe asks about the CRM, not about its record: it spends none of the record's attempts.
            flight.attempts += not flight.probe
            if flight.attempts >= self.policy.max_attempts or len(self._retries) >= _MOST_WAITING_RETRIES:
                self._settle(flight, verdict)
            else:
                due = self._loop.time() + backoff(flight.attempts)
                heapq.heappush(self._retries, (due, next(self._order), flight))
        elif verdict.next is Next.WAIT and answer is not None:
            wait = retry_after_seconds(answer.headers.get("Retry-After"), answer.headers.get("Date"))
            self._pace.pushback(self._loop.time(), wait)
            self._wait_again(flight, verdict)
        else:
            self._paced.append(flight)
            refreshed = verdict.next is Next.REFRESH and answer is not None and await self._refreshed(answer)
            if not refreshed:
                self.stop = self.stop or _stopped_by(verdict)

    def _wait_again(self, flight: _Flight, verdict: Verdict) -> None:
        """Try again at the server's pace; a record that alone is told to wait, time after time, holds up no others."""
        flight.waits += 1
        if flight.waits == 1:
            flight.settled_before = self._settled
        alone = flight.waits > _MOST_WAITS and self._settled - flight.settled_before > _MOST_WAITS * _MOST_WAITS
        if alone:
            self._settle(flight, verdict)
        else:
            self._paced.append(flight)

    async def _refreshed(self, answer: Answer) -> bool:
        """Whether there is a newer token than the one that was refused."""
        async with self._refreshing:
            newer: bool = answer.token_version < self.transport.token_version
            if newer or self.transport.token_version > 0:
                return newer
            try:
                return await self.transport.refresh()
            except Exception as error:  # noqa: BLE001 - of the AWS client or of a broken secret
                self.stop = self.stop or secret_unreadable(error)
                return False

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _settle(self, flight: _Flight, verdict: Verdict) -> None:
        if verdict.outcome == "deferred":
            verdict = flight.ambiguous or (_IN_DOUBT if flight.record.in_doubt else verdict)
        if self.canary:
            self.canary.record(verdict)
        record = flight.record
        self.tally.settled(verdict.outcome, verdict.reason, flight.status, verdict.detail)
        self.ledger.add(
            {
                "user_id": record.user_id,
                "score": record.score,
                "key": flight.key,
                "payload_sha256": hashlib.sha256(flight.payload).hexdigest(),
                "revision": record.revision,
                "outcome": verdict.outcome,
                "reason": verdict.reason,
                "http_status": flight.status,
                "tries": flight.tries,
                "latency_ms": None if flight.milliseconds is None else round(flight.milliseconds, 1),
                "first_sent_at": _iso(flight.first_sent),
                "settled_at": _iso(time.time()),
                "run_id": self.policy.run_id,
            }
        )

    def _abandon_retries(self) -> None:
        """Close what was opened and may not be tried again; its last answer is its reason."""
        flights = [*self._paced, *(flight for _, _, flight in self._retries)]
        self._paced.clear()
        self._retries.clear()
        for flight in flights:
            if flight.last is not None:
                self._settle(flight, flight.last)

    async def _count_unsent(self) -> None:
        """Count the rows that were never opened. They need no ledger line: having none is what makes them open."""
        rest = itertools.chain(self._fresh, self._rows)
        doubts = await asyncio.to_thread(lambda: Counter(record.in_doubt for record in rest))
        cause = self.stop.cause if self.stop else UNSENT
        for in_doubt, count in doubts.items():
            self.tally.settled("unknown" if in_doubt else "deferred", cause, count=count)

    async def _progress(self) -> None:
        before, since = 0, self._loop.time()
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            now, posts = self._loop.time(), self.tally.posts
            log.info(
                "%s: %d sent, %d delivered, %.0f/s, %d under way of at most %d, %d waiting to be tried again",
                self.name,
                posts,
                self.tally.outcomes["delivered"],
                (posts - before) / (now - since),
                len(self._requests),
                self._concurrency.limit,
                len(self._retries) + len(self._paced),
            )
            before, since = posts, now


def secret_unreadable(error: Exception) -> Stop:
    """The stop of a task that cannot read its token."""
    return Stop(
        "secret_unreadable",
        f"The CRM's token could not be read ({type(error).__name__}): check secret_id, the secret and the job's role.",
    )


def _stopped_by(verdict: Verdict) -> Stop:
    if verdict.detail == "redirect":
        return Stop("redirect", f"The CRM redirects ({verdict.reason}): base_url does not name the API itself.")
    return Stop(
        "token_refused",
        f"The CRM refuses the token ({verdict.reason}): check the secret and its rights, then clear push_scores.",
    )


def _iso(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The delivery core: rows in, outcomes out. No Spark, no Airflow, no S3 in it.

As many workers as requests may be under way pass one turnstile, one after the other: it decides when the next request
may leave (pace, breaker, room in the ledger) and which record it carries. Requests complete in any order. Whatever
ends the run early, every record that was opened gets a ledger line, and every row is counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client.http_client import Answer, Transport
from engagement_jobs.crm_client.response_classification import Next, Verdict, classify
from engagement_jobs.crm_client.score_update import Record
from engagement_jobs.delivery import stop_reasons
from engagement_jobs.delivery.canary import SIZE, Canary
from engagement_jobs.delivery.circuit_breaker import Breaker, Concurrency, RetryBudget, backoff
from engagement_jobs.delivery.counters import Tally
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.progress import Progress
from engagement_jobs.delivery.rate_limiter import Pace, retry_after_seconds
from engagement_jobs.delivery.request_state import Flight
from engagement_jobs.delivery.stop_reasons import Stop
from engagement_jobs.delivery.work_queue import Backlog

_MOST_WAITS = 20
_PROGRESS_SECONDS = 5.0
_LEDGER_SECONDS = 0.05
# A shorter pause is over before another attempt can have started.
_LONG_PAUSE_SECONDS = 5.0
# How often it is asked, while requests flow, whether the delivery should stop.
_CHECK_SECONDS = 0.05
# The reason of a row that was never opened although nothing stopped its task.
UNSENT = "unsent"

log = logging.getLogger("engagement.delivery")


@dataclass(frozen=True)
class Policy:
    """How one task delivers.

    :param rate: requests per second of this task, retries included
    :param burst: requests that may leave at once after a pause
    :param deadline: epoch seconds after which nothing is sent
    :param unavailable_timeout: seconds without any healthy answer after which the task stops
    """

    endpoint: str
    score_date: str
    run_id: str
    rate: float
    burst: float
    max_concurrency: int
    max_attempts: int
    deadline: float
    unavailable_timeout: float


@dataclass
class Delivery:
    """Delivers the rows of one task. Afterwards `untraced` has the users that S3 took no ledger line of.

    :param name: the task's name in log lines
    :param canary: lets the first records out in stages; for the driver's own task
    :param expected: rows of the task, about, for the time left in log lines
    :param note_pause: keeps a long pause that the CRM asked for, until epoch seconds; blocking, called in a thread
    """

    policy: Policy
    transport: Transport
    ledger: Ledger
    name: str = "task"
    canary: Canary | None = None
    expected: int | None = None
    note_pause: Callable[[float], None] | None = None
    tally: Tally = field(default_factory=Tally)
    stop: Stop | None = None
    untraced: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        policy = self.policy
        self._pace = Pace(policy.rate, policy.burst)
        self._breaker = Breaker(policy.unavailable_timeout, in_a_row=5 if self.canary else 20)
        # The canary asks whether the CRM is well enough; its few records may be asked for as often as attempts allow.
        self._budget = RetryBudget(least=policy.max_attempts * SIZE if self.canary else max(20, policy.max_concurrency))
        self._concurrency = Concurrency(policy.max_concurrency)
        self._run_id = json.dumps(policy.run_id, ensure_ascii=False)
        self._turnstile = asyncio.Lock()
        self._token_read = asyncio.Lock()
        self._wake: asyncio.Future[None] | None = None
        self._workers = 0
        self._under_way = 0
        self._settled = 0
        self._noted = 0.0
        self._healthy_at = 0.0
        self._check_at = 0.0
        self._last_failure = "none"
        self._broken: Exception | None = None

    async def run(self, rows: Iterable[Record]) -> None:
        """Send `rows`; afterwards `tally` adds up to them and `stop` tells why not all were sent.

        Raises what the iterator of the rows raises, after all that is known was written to the ledger.
        """
        self._backlog = Backlog(rows)
        self._loop = asyncio.get_running_loop()
        self._healthy_at = time.monotonic()
        flusher = asyncio.create_task(self.ledger.run())
        progress = asyncio.create_task(self._tell_progress())
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                self._hire()
            self._abandon_retries()
            if self._broken is None:
                await self._count_unopened()
        finally:
            progress.cancel()
            self.ledger.close()
            await flusher
        if self.ledger.failed:
            self._doubt_what_was_not_written(self.ledger.failed)
        self._note_pause()
        if self._broken is not None:
            raise self._broken

    # -- workers --------------------------------------------------------------------------------------------------

    def _hire(self) -> None:
        while self._workers < self._concurrency.limit:
            self._workers += 1
            self._group.create_task(self._work())

    async def _work(self) -> None:
        while (flight := await self._turn()) is not None:
            try:
                await self._exchange(flight)
            except Exception as error:  # noqa: BLE001 - the record keeps its line, whatever it is
                self._stop_for(error, flight)
            self._under_way -= 1
            self._wake_up()
            self._hire()
        self._workers -= 1

    async def _turn(self) -> Flight | None:
        """What this worker sends next, once it may leave; None when the worker is not needed any more."""
        try:
            # Most of the time there is nothing to wait for; and a queue, once there, would let one through at a time.
            return self._at_once() or await self._stand_in_line()
        except Exception as error:  # noqa: BLE001 - raised by `run`, once all that is under way has its line
            self._broken = self._broken or error
            self.stop = self.stop or stop_reasons.internal_error(error)
            return None

    async def _stand_in_line(self) -> Flight | None:
        async with self._turnstile:
            while self._workers <= self._concurrency.limit:
                await self._prepare()
                now = time.monotonic()
                if self._must_stop(now):
                    return None
                if self._breaker.opened_at is not None and (delay := self._breaker.wait(now)):
                    await self._pause(delay)
                elif delay := self._delay(now):
                    await asyncio.sleep(min(delay, 1.0))
                elif (flight := self._next(now)) is not None:
                    self._depart(flight)
                    return flight
                elif self._under_way or (self._backlog.retries and self._budget.allows()):
                    await self._pause(self._backlog.until_due(now) if self._budget.allows() else 1.0)
                else:
                    return None
        return None

    def _at_once(self) -> Flight | None:
        """What may leave without any waiting."""
        now = time.monotonic()
        held = self._token_read.locked() or self._breaker.opened_at is not None
        if held or self._workers > self._concurrency.limit or self._must_stop(now) or self._delay(now):
            return None
        flight = self._next(now)
        if flight is not None:
            self._depart(flight)
        return flight

    def _delay(self, now: float) -> float:
        """Seconds until the pace and the ledger let a request leave."""
        return _LEDGER_SECONDS if self.ledger.full else self._pace.wait(now)

    async def _prepare(self) -> None:
        """See to it that there are rows at hand, and that nobody sends a token which is just being read again."""
        if self._token_read.locked():
            async with self._token_read:
                pass
        await self._backlog.fill()

    def _must_stop(self, now: float) -> bool:
        if self.stop is None and (self.canary or now >= self._check_at):
            self._check_at = now + _CHECK_SECONDS
            self.stop = self._reason_to_stop(now)
        return self.stop is not None

    def _reason_to_stop(self, now: float) -> Stop | None:
        left = self.policy.deadline - time.time()
        if left <= 0:
            return stop_reasons.deadline()
        if self._pace.not_before - now > left:
            return stop_reasons.too_long_a_pause(self._pause_ends())
        idle = now - max(self._healthy_at, self._pace.not_before)
        waiting = self._under_way or self._backlog.waiting
        if self._breaker.spent(now, self._pace.not_before) or (waiting and idle >= self.policy.unavailable_timeout):
            return stop_reasons.crm_unavailable(self.policy.unavailable_timeout, self._last_failure)
        if self.ledger.failed:
            return Stop(stop_reasons.LEDGER_UNWRITABLE, self.ledger.failed)
        refusal = self.canary.refusal() if self.canary else None
        return stop_reasons.canary_refused(self._backlog.opened, refusal) if refusal else None

    def _pause_ends(self) -> float:
        """When the pause that the CRM asked for is over, in epoch seconds."""
        return time.time() + self._pace.not_before - time.monotonic()

    def _note_pause(self) -> None:
        """Whatever ended the task, a pause that the CRM asked for is one for the next attempt too."""
        if self.stop is not None and self._pace.not_before > time.monotonic():
            self.stop = replace(self.stop, not_before=self._pause_ends())

    def _next(self, now: float) -> Flight | None:
        """A retry that is due, else a fresh row; a probe takes a fresh row first, for its record may be the trouble."""
        if self._breaker.opened_at is not None:
            return self._fresh() or self._again(now)
        return self._again(now) or self._fresh()

    def _again(self, now: float) -> Flight | None:
        if not self._backlog.waiting:
            return None
        return self._backlog.paced() or (self._backlog.due(now) if self._budget.allows() else None)

    def _fresh(self) -> Flight | None:
        opened = self._backlog.opened
        if self.canary and not (self._breaker.opened_at is not None or self.canary.allows(opened)):
            return None
        record = self._backlog.fresh()
        return None if record is None else Flight.of(record, self.policy.endpoint, self.policy.score_date)

    async def _pause(self, seconds: float) -> None:
        """Wait until something completes, or for `seconds` (at most one, so that a stop is noticed)."""
        self._wake = self._loop.create_future()
        timer = self._loop.call_later(min(max(seconds, 0.001), 1.0), self._wake_up)
        await self._wake
        timer.cancel()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    # -- one request ----------------------------------------------------------------------------------------------

    def _depart(self, flight: Flight) -> None:
        epoch = time.time()
        if not (flight.tries or self._under_way or self._backlog.waiting):
            # Nothing was asked for a while; nobody could have answered.
            self._healthy_at = max(self._healthy_at, time.monotonic())
        self._pace.take()
        self._breaker.sent()
        flight.probe = self._breaker.probing
        again = flight.tries > 0
        self._budget.posts += 1
        self._budget.retries += again and not flight.waits and not flight.probe
        self.tally.sent(epoch, again)
        flight.tries += 1
        flight.first_sent = flight.first_sent or epoch
        self._under_way += 1

    async def _exchange(self, flight: Flight) -> None:
        started = time.monotonic()
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
            seconds = time.monotonic() - started
            flight.status, flight.milliseconds = answer.status, seconds * 1000
            self.tally.answered(answer.status, flight.milliseconds)
            if verdict.next is Next.SETTLE:
                self._concurrency.record(seconds)
        self._judge(verdict)
        flight.last = verdict
        if verdict.outcome == "unknown":
            flight.ambiguous = verdict
        if verdict.next is Next.SETTLE:
            self._settled += 1
            self._settle(flight, verdict)
        else:
            await self._follow(flight, verdict, answer)

    def _stop_for(self, error: Exception, flight: Flight) -> None:
        # Where, not what: the message of an error may hold what the CRM said, or a header.
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("%s at %s:%s ended the delivery", type(error).__name__, place.name, place.lineno)
        self._settle(flight, Verdict(Next.STOP, "unknown", "internal_error"))
        self.stop = self.stop or stop_reasons.internal_error(error)

    def _judge(self, verdict: Verdict) -> None:
        """Tell the judges how it went; pushback and refused tokens say nothing about health."""
        now = time.monotonic()
        healthy = verdict.next is Next.SETTLE or verdict.reason == "http_409"
        if healthy:
            self._healthy_at = now
        else:
            self._last_failure = verdict.reason
        if healthy or verdict.next is Next.RETRY:
            self._breaker.record(now, healthy)
        else:
            self._breaker.release(now)

    async def _follow(self, flight: Flight, verdict: Verdict, answer: Answer | None) -> None:
        """What comes after an answer that was not the last word."""
        if verdict.next is Next.RETRY:
            self._try_again(flight, verdict)
        elif verdict.next is Next.WAIT and answer is not None:
            wait = retry_after_seconds(answer.headers.get("retry-after"), answer.headers.get("date"))
            self._pace.pushback(time.monotonic(), wait)
            self._check_at = 0.0
            self._wait_again(flight, verdict)
            await self._keep_pause()
        else:
            self._backlog.again_at_the_servers_pace(flight)
            refreshed = verdict.next is Next.REFRESH and answer is not None and await self._refreshed(answer)
            if not refreshed:
                self.stop = self.stop or stop_reasons.refused(verdict)

    async def _keep_pause(self) -> None:
        """Have a long pause written down, once for all answers that ask for the same."""
        until = self._pause_ends()
        short = until - time.time() < _LONG_PAUSE_SECONDS or until - self._noted < 1.0
        if self.note_pause is None or short:
            return
        self._noted = until
        try:
            await asyncio.to_thread(self.note_pause, until)
        except Exception as error:  # noqa: BLE001 - of the AWS client; this task keeps the pause all the same
            self._noted = 0.0
            log.warning("the CRM's pause could not be written: %s", type(error).__name__)

    def _try_again(self, flight: Flight, verdict: Verdict) -> None:
        # A probe asks about the CRM, not about its record: it spends none of the record's attempts.
        flight.attempts += not flight.probe
        if flight.attempts >= self.policy.max_attempts or self._backlog.crowded:
            self._settle(flight, verdict)
        else:
            self._backlog.again_at(time.monotonic() + backoff(flight.attempts), flight)

    def _wait_again(self, flight: Flight, verdict: Verdict) -> None:
        """Try again at the server's pace; a record that alone is told to wait, time after time, holds up no others."""
        flight.waits += 1
        if flight.waits == 1:
            flight.settled_before = self._settled
        alone = flight.waits > _MOST_WAITS and self._settled - flight.settled_before > _MOST_WAITS * _MOST_WAITS
        if alone:
            self._settle(flight, verdict)
        else:
            self._backlog.again_at_the_servers_pace(flight)

    async def _refreshed(self, answer: Answer) -> bool:
        """Whether there is a newer token than the one that was refused. Nothing is sent while it is being read."""
        async with self._token_read:
            if self.stop is not None or answer.token_version < self.transport.token_version:
                return self.stop is None
            try:
                return await self.transport.refresh()
            except Exception as error:  # noqa: BLE001 - of the AWS client or of a broken secret
                self.stop = stop_reasons.secret_unreadable(error)
                return False

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _settle(self, flight: Flight, verdict: Verdict) -> None:
        verdict = flight.ends_as(verdict)
        if self.canary:
            self.canary.record(verdict)
        self.tally.settled(verdict.outcome, verdict.reason, flight.status, verdict.detail)
        self.ledger.add(flight.line(verdict, self._run_id, time.time()))

    def _abandon_retries(self) -> None:
        """Close what was opened and may not be tried again; its last answer is its reason."""
        for flight in self._backlog.abandon():
            if flight.last is not None:
                self._settle(flight, flight.last)

    def _doubt_what_was_not_written(self, why: str) -> None:
        self.stop = Stop(stop_reasons.LEDGER_UNWRITABLE, why)
        for line in self.ledger.unwritten:
            self.tally.doubted(line["outcome"], line["reason"], line["http_status"], stop_reasons.LEDGER_UNWRITABLE)
            self.untraced.append(line["user_id"])

    async def _count_unopened(self) -> None:
        """Count the rows that were never opened. They need no ledger line: having none is what makes them open."""
        rest = self._backlog.unopened()
        doubts = await asyncio.to_thread(lambda: Counter(record.in_doubt for record in rest))
        cause = self.stop.cause if self.stop else UNSENT
        for in_doubt, count in doubts.items():
            self.tally.settled("unknown" if in_doubt else "deferred", cause, count=count)

    async def _tell_progress(self) -> None:
        progress = Progress(self.name, self.expected)
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            line = progress.line(
                posts=self.tally.posts,
                delivered=self.tally.outcomes["delivered"],
                settled=self.tally.rows,
                under_way=self._under_way,
                most=self._concurrency.limit,
                waiting=self._backlog.waiting,
            )
            log.info("%s", line)

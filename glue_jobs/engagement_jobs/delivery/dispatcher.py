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
from engagement_jobs.crm_client.http_client import CrmClient, CrmResponse
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification, classify
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery import stop_reasons
from engagement_jobs.delivery.canary import SIZE, Canary
from engagement_jobs.delivery.circuit_breaker import AdaptiveConcurrency, CircuitBreaker, RetryBudget, backoff
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.progress import Progress
from engagement_jobs.delivery.rate_limiter import RateLimiter, retry_after_seconds
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.work_queue import WorkQueue

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
class DeliveryPolicy:
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
class Dispatcher:
    """Delivers the rows of one task. Afterwards `unlogged_users` has the users that S3 took no ledger line of.

    :param name: the task's name in log lines
    :param canary: lets the first records out in stages; for the driver's own task
    :param expected: rows of the task, about, for the time left in log lines
    :param note_pause: keeps a long pause that the CRM asked for, until epoch seconds; blocking, called in a thread
    """

    policy: DeliveryPolicy
    client: CrmClient
    ledger: Ledger
    name: str = "task"
    canary: Canary | None = None
    expected_rows: int | None = None
    save_retry_after: Callable[[float], None] | None = None
    counters: DeliveryCounters = field(default_factory=DeliveryCounters)
    stop: StopReason | None = None
    unlogged_users: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        policy = self.policy
        self._limiter = RateLimiter(policy.rate, policy.burst)
        self._breaker = CircuitBreaker(policy.unavailable_timeout, failure_threshold=5 if self.canary else 20)
        # The canary asks whether the CRM is well enough; its few records may be asked for as often as attempts allow.
        self._budget = RetryBudget(
            min_retries=policy.max_attempts * SIZE if self.canary else max(20, policy.max_concurrency)
        )
        self._concurrency = AdaptiveConcurrency(policy.max_concurrency)
        self._run_id = json.dumps(policy.run_id, ensure_ascii=False)
        self._turnstile = asyncio.Lock()
        self._token_read = asyncio.Lock()
        self._wake: asyncio.Future[None] | None = None
        self._workers = 0
        self._in_flight = 0
        self._settled = 0
        self._noted = 0.0
        self._healthy_at = 0.0
        self._check_at = 0.0
        self._last_failure = "none"
        self._broken: Exception | None = None

    async def run(self, rows: Iterable[ScoreUpdate]) -> None:
        """Send `rows`; afterwards `counters` adds up to them and `stop` tells why not all were sent.

        Raises what the iterator of the rows raises, after all that is known was written to the ledger.
        """
        self._queue = WorkQueue(rows)
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
                await self._count_unstarted()
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
        while (request := await self._turn()) is not None:
            try:
                await self._exchange(request)
            except Exception as error:  # noqa: BLE001 - the record keeps its line, whatever it is
                self._stop_for(error, request)
            self._in_flight -= 1
            self._wake_up()
            self._hire()
        self._workers -= 1

    async def _turn(self) -> InFlightRequest | None:
        """What this worker sends next, once it may leave; None when the worker is not needed any more."""
        try:
            # Most of the time there is nothing to wait for; and a queue, once there, would let one through at a time.
            return self._at_once() or await self._stand_in_line()
        except Exception as error:  # noqa: BLE001 - raised by `run`, once all that is under way has its line
            self._broken = self._broken or error
            self.stop = self.stop or stop_reasons.internal_error(error)
            return None

    async def _stand_in_line(self) -> InFlightRequest | None:
        async with self._turnstile:
            while self._workers <= self._concurrency.limit:
                await self._prepare()
                now = time.monotonic()
                if self._must_stop(now):
                    return None
                if self._breaker.opened_at is not None and (delay := self._breaker.delay(now)):
                    await self._pause(delay)
                elif delay := self._delay(now):
                    await asyncio.sleep(min(delay, 1.0))
                elif (request := self._next(now)) is not None:
                    self._depart(request)
                    return request
                elif self._in_flight or (self._queue.retries and self._budget.allows()):
                    await self._pause(self._queue.seconds_until_retry(now) if self._budget.allows() else 1.0)
                else:
                    return None
        return None

    def _at_once(self) -> InFlightRequest | None:
        """What may leave without any waiting."""
        now = time.monotonic()
        held = self._token_read.locked() or self._breaker.opened_at is not None
        if held or self._workers > self._concurrency.limit or self._must_stop(now) or self._delay(now):
            return None
        request = self._next(now)
        if request is not None:
            self._depart(request)
        return request

    def _delay(self, now: float) -> float:
        """Seconds until the pace and the ledger let a request leave."""
        return _LEDGER_SECONDS if self.ledger.full else self._limiter.delay(now)

    async def _prepare(self) -> None:
        """See to it that there are rows at hand, and that nobody sends a token which is just being read again."""
        if self._token_read.locked():
            async with self._token_read:
                pass
        await self._queue.refill()

    def _must_stop(self, now: float) -> bool:
        if self.stop is None and (self.canary or now >= self._check_at):
            self._check_at = now + _CHECK_SECONDS
            self.stop = self._reason_to_stop(now)
        return self.stop is not None

    def _reason_to_stop(self, now: float) -> StopReason | None:
        left = self.policy.deadline - time.time()
        if left <= 0:
            return stop_reasons.deadline()
        if self._limiter.not_before - now > left:
            return stop_reasons.too_long_a_pause(self._pause_ends())
        idle = now - max(self._healthy_at, self._limiter.not_before)
        waiting = self._in_flight or self._queue.waiting
        if self._breaker.has_timed_out(now, self._limiter.not_before) or (
            waiting and idle >= self.policy.unavailable_timeout
        ):
            return stop_reasons.crm_unavailable(self.policy.unavailable_timeout, self._last_failure)
        if self.ledger.failed:
            return StopReason(stop_reasons.LEDGER_UNWRITABLE, self.ledger.failed)
        refusal = self.canary.refusal() if self.canary else None
        return stop_reasons.canary_refused(self._queue.started, refusal) if refusal else None

    def _pause_ends(self) -> float:
        """When the pause that the CRM asked for is over, in epoch seconds."""
        return time.time() + self._limiter.not_before - time.monotonic()

    def _note_pause(self) -> None:
        """Whatever ended the task, a pause that the CRM asked for is one for the next attempt too."""
        if self.stop is not None and self._limiter.not_before > time.monotonic():
            self.stop = replace(self.stop, not_before=self._pause_ends())

    def _next(self, now: float) -> InFlightRequest | None:
        """A retry that is due, else a fresh row; a probe takes a fresh row first, for its record may be the trouble."""
        if self._breaker.opened_at is not None:
            return self._fresh() or self._again(now)
        return self._again(now) or self._fresh()

    def _again(self, now: float) -> InFlightRequest | None:
        if not self._queue.waiting:
            return None
        return self._queue.next_throttled() or (self._queue.next_retry(now) if self._budget.allows() else None)

    def _fresh(self) -> InFlightRequest | None:
        opened = self._queue.started
        if self.canary and not (self._breaker.opened_at is not None or self.canary.allows(opened)):
            return None
        record = self._queue.next_new()
        return None if record is None else InFlightRequest.of(record, self.policy.endpoint, self.policy.score_date)

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

    def _depart(self, request: InFlightRequest) -> None:
        epoch = time.time()
        if not (request.tries or self._in_flight or self._queue.waiting):
            # Nothing was asked for a while; nobody could have answered.
            self._healthy_at = max(self._healthy_at, time.monotonic())
        self._limiter.acquire()
        self._breaker.on_send()
        request.probe = self._breaker.probing
        again = request.tries > 0
        self._budget.posts += 1
        self._budget.retries += again and not request.waits and not request.probe
        self.counters.count_request(epoch, again)
        request.tries += 1
        request.first_sent = request.first_sent or epoch
        self._in_flight += 1

    async def _exchange(self, request: InFlightRequest) -> None:
        started = time.monotonic()
        response: CrmResponse | None = None
        request.status = None
        try:
            response = await self.client.post(request.payload, request.key)
        except UnsentError as error:
            classification = ResponseClassification(Action.RETRY, "deferred", str(error))
        except AmbiguousError as error:
            classification = ResponseClassification(Action.RETRY, "unknown", str(error))
        else:
            classification = classify(response.status, response.headers, response.body)
            seconds = time.monotonic() - started
            request.status, request.milliseconds = response.status, seconds * 1000
            self.counters.count_response(response.status, request.milliseconds)
            if classification.action is Action.FINALIZE:
                self._concurrency.record(seconds)
        self._judge(classification)
        request.last = classification
        if classification.outcome == "unknown":
            request.ambiguous = classification
        if classification.action is Action.FINALIZE:
            self._settled += 1
            self._settle(request, classification)
        else:
            await self._follow(request, classification, response)

    def _stop_for(self, error: Exception, request: InFlightRequest) -> None:
        # Where, not what: the message of an error may hold what the CRM said, or a header.
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("%s at %s:%s ended the delivery", type(error).__name__, place.name, place.lineno)
        self._settle(request, ResponseClassification(Action.STOP, "unknown", "internal_error"))
        self.stop = self.stop or stop_reasons.internal_error(error)

    def _judge(self, classification: ResponseClassification) -> None:
        """Tell the judges how it went; pushback and refused tokens say nothing about health."""
        now = time.monotonic()
        healthy = classification.action is Action.FINALIZE or classification.reason == "http_409"
        if healthy:
            self._healthy_at = now
        else:
            self._last_failure = classification.reason
        if healthy or classification.action is Action.RETRY:
            self._breaker.record_result(now, healthy)
        else:
            self._breaker.release_probe(now)

    async def _follow(
        self, request: InFlightRequest, classification: ResponseClassification, response: CrmResponse | None
    ) -> None:
        """What comes after an answer that was not the last word."""
        if classification.action is Action.RETRY:
            self._try_again(request, classification)
        elif classification.action is Action.BACK_OFF and response is not None:
            wait = retry_after_seconds(response.headers.get("retry-after"), response.headers.get("date"))
            self._limiter.throttle(time.monotonic(), wait)
            self._check_at = 0.0
            self._wait_again(request, classification)
            await self._keep_pause()
        else:
            self._queue.requeue_throttled(request)
            refreshed = (
                classification.action is Action.REFRESH_TOKEN
                and response is not None
                and await self._refreshed(response)
            )
            if not refreshed:
                self.stop = self.stop or stop_reasons.refused(classification)

    async def _keep_pause(self) -> None:
        """Have a long pause written down, once for all answers that ask for the same."""
        until = self._pause_ends()
        short = until - time.time() < _LONG_PAUSE_SECONDS or until - self._noted < 1.0
        if self.save_retry_after is None or short:
            return
        self._noted = until
        try:
            await asyncio.to_thread(self.save_retry_after, until)
        except Exception as error:  # noqa: BLE001 - of the AWS client; this task keeps the pause all the same
            self._noted = 0.0
            log.warning("the CRM's pause could not be written: %s", type(error).__name__)

    def _try_again(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        # A probe asks about the CRM, not about its record: it spends none of the record's attempts.
        request.attempts += not request.probe
        if request.attempts >= self.policy.max_attempts or self._queue.is_full:
            self._settle(request, classification)
        else:
            self._queue.schedule_retry(time.monotonic() + backoff(request.attempts), request)

    def _wait_again(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        """Try again at the server's pace; a record that alone is told to wait, time after time, holds up no others."""
        request.waits += 1
        if request.waits == 1:
            request.settled_before = self._settled
        alone = request.waits > _MOST_WAITS and self._settled - request.settled_before > _MOST_WAITS * _MOST_WAITS
        if alone:
            self._settle(request, classification)
        else:
            self._queue.requeue_throttled(request)

    async def _refreshed(self, response: CrmResponse) -> bool:
        """Whether there is a newer token than the one that was refused. Nothing is sent while it is being read."""
        async with self._token_read:
            if self.stop is not None or response.token_version < self.client.token_version:
                return self.stop is None
            try:
                return await self.client.refresh()
            except Exception as error:  # noqa: BLE001 - of the AWS client or of a broken secret
                self.stop = stop_reasons.secret_unreadable(error)
                return False

    # -- outcomes -------------------------------------------------------------------------------------------------

    def _settle(self, request: InFlightRequest, classification: ResponseClassification) -> None:
        classification = request.final_classification(classification)
        if self.canary:
            self.canary.record(classification)
        self.counters.count_outcome(
            classification.outcome, classification.reason, request.status, classification.detail
        )
        self.ledger.add(request.line(classification, self._run_id, time.time()))

    def _abandon_retries(self) -> None:
        """Close what was opened and may not be tried again; its last answer is its reason."""
        for request in self._queue.drain():
            if request.last is not None:
                self._settle(request, request.last)

    def _doubt_what_was_not_written(self, why: str) -> None:
        self.stop = StopReason(stop_reasons.LEDGER_UNWRITABLE, why)
        for line in self.ledger.unwritten:
            self.counters.change_to_unknown(
                line["outcome"], line["reason"], line["http_status"], stop_reasons.LEDGER_UNWRITABLE
            )
            self.unlogged_users.append(line["user_id"])

    async def _count_unstarted(self) -> None:
        """Count the rows that were never opened. They need no ledger line: having none is what makes them open."""
        rest = self._queue.unstarted()
        doubts = await asyncio.to_thread(lambda: Counter(record.in_doubt for record in rest))
        cause = self.stop.cause if self.stop else UNSENT
        for in_doubt, count in doubts.items():
            self.counters.count_outcome("unknown" if in_doubt else "deferred", cause, count=count)

    async def _tell_progress(self) -> None:
        progress = Progress(self.name, self.expected_rows)
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            line = progress.line(
                posts=self.counters.posts,
                delivered=self.counters.outcomes["delivered"],
                settled=self.counters.rows,
                in_flight=self._in_flight,
                most=self._concurrency.limit,
                waiting=self._queue.waiting,
            )
            log.info("%s", line)

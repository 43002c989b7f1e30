"""The delivery of one task: workers take requests from the scheduler, send them, and handle the responses.

Requests complete in any order. If the task ends early, every started user still gets a ledger line, and every row is
counted exactly once. If S3 refuses the ledger, its users are counted as `unknown`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import traceback
from collections.abc import Callable, Iterable

from engagement_jobs.crm_client.http_client import CrmClient
from engagement_jobs.crm_client.response_classification import Action, ResponseClassification
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery import stop_reasons
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.evidence.run_evidence import RunEvidence
from engagement_jobs.delivery.evidence.run_policy import SEVERAL
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import Canary, straggler_rate
from engagement_jobs.delivery.limits.request_limits import RequestLimits
from engagement_jobs.delivery.limits.server_pacing import ServerPacing
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.progress import Progress
from engagement_jobs.delivery.request_scheduler import RequestScheduler
from engagement_jobs.delivery.request_sender import RequestSender
from engagement_jobs.delivery.request_state import InFlightRequest
from engagement_jobs.delivery.response_handler import ResponseHandler
from engagement_jobs.delivery.retries import Retries
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.token_refresh import TokenRefresher
from engagement_jobs.delivery.work_queue import WorkQueue

_PROGRESS_SECONDS = 5.0
_CANARY_CHECK_SECONDS = 0.1

log = logging.getLogger("engagement.delivery")


class Dispatcher:
    """Delivers the scores of one task.

    :param updates: the scores to send; iterated in a worker thread
    :param name: the task's name in log lines
    :param canary: starts users in stages; for the canary task only
    :param expected_rows: approximate number of rows of the task, for the time left in log lines
    :param save_retry_after: see `ServerPacing`
    :param stop_reason: if given, the task sends nothing and counts all rows
    :param had_success: whether the CRM accepted a score of the canary that preceded this task
    """

    _internal_errors = 0  # since the last success

    def __init__(
        self,
        settings: DeliverySettings,
        client: CrmClient,
        ledger: Ledger,
        updates: Iterable[ScoreUpdate],
        *,
        name: str = "task",
        canary: Canary | None = None,
        expected_rows: int | None = None,
        save_retry_after: Callable[[float], None] | None = None,
        stop_reason: StopReason | None = None,
        had_success: bool = False,
    ) -> None:
        self._ledger, self._canary, self._settings = ledger, canary, settings
        self._name, self._expected_rows = name, expected_rows
        self._queue = WorkQueue(updates, keep_order=canary is not None)
        self._limits = RequestLimits.of(settings, is_canary=canary is not None)
        self._outcomes = OutcomeRecorder(ledger, canary, settings.run_id)
        self._evidence = RunEvidence(self._queue, self._limits.breaker, self._outcomes, canary, had_success=had_success)
        self._stop_conditions = StopConditions(
            settings, self._limits, self._queue, ledger, self._evidence, stop_reason, check_always=canary is not None
        )
        self._token = token = TokenRefresher(client, settings, self._stop_conditions)
        self._scheduler = RequestScheduler(
            settings, self._queue, self._limits, ledger, self._stop_conditions, token, canary
        )
        self._sender = RequestSender(client, settings.template, self._limits, self._evidence, self._outcomes.counters)
        self._handler = ResponseHandler(
            Retries(settings.max_attempts, self._queue),
            self._limits,
            ServerPacing(settings, self._limits, save_retry_after, self._requests_left),
            self._outcomes,
            self._evidence,
            self._stop_conditions,
            token,
        )
        self._scheduling_error: Exception | None = None
        self.counters = self._outcomes.counters
        self.unlogged_users = self._outcomes.unlogged_users

    @property
    def stop_reason(self) -> StopReason | None:
        """Why not all rows were sent; None if they were."""
        return self._stop_conditions.reason

    def _requests_left(self) -> float:
        if self._expected_rows is None:
            return math.inf
        return max(self._expected_rows - self.counters.rows, self._queue.waiting + 1)

    async def run(self) -> None:
        """Send the scores. Afterwards `counters` has an outcome for every row.

        :raises Exception: whatever the iterator of the scores raises, after all ledger lines were written
        """
        writer = asyncio.create_task(self._ledger.run())
        besides = (self._log_progress(), self._watch_canary(), self._token.run())
        background = [asyncio.create_task(each) for each in besides]
        try:
            async with asyncio.TaskGroup() as group:
                self._start_workers(group)
            self._evidence.finish()
            self._outcomes.record_outcomes(self._queue.waiting_requests())
            self._release_canary()
            if self._scheduling_error is None and not (self._canary is not None and self._canary.released):
                cause = stop_reasons.cause_of_unsent_rows(self.stop_reason)
                await self._outcomes.count_unstarted(self._queue.unstarted(), cause)
        finally:
            for task in background:
                task.cancel()
            if self._canary is not None:
                self._canary.update(time.monotonic())
                self._canary.decided.set()
            self._ledger.close()
            await writer
        if self._ledger.failed:
            self._stop_conditions.note_ledger_failure(self._ledger.failed)
            self._outcomes.recount_unwritten()
        self._stop_conditions.add_retry_after()
        if self._scheduling_error is not None:
            raise self._scheduling_error

    def _start_workers(self, group: asyncio.TaskGroup) -> None:
        while self._scheduler.workers < self._limits.concurrency.limit:
            self._scheduler.workers += 1
            group.create_task(self._work(group))

    async def _work(self, group: asyncio.TaskGroup) -> None:
        while (request := await self._next_request()) is not None:
            try:
                classification, response = await self._sender.send(request)
                await self._handler.handle(request, classification, response)
            except Exception as error:  # noqa: BLE001 - the user must get a ledger line
                self._handle_internal_error(request, error)
            else:
                if classification.outcome == "delivered":
                    self._internal_errors = 0
            self._scheduler.finish()
            self._start_workers(group)
        self._scheduler.workers -= 1

    async def _next_request(self) -> InFlightRequest | None:
        """Return the request that this worker sends next; None if there is no more work for it."""
        try:
            return self._scheduler.try_next() or await self._scheduler.wait_for_next()
        except Exception as error:  # noqa: BLE001 - `run` raises it once all requests in flight have ended
            if self._scheduling_error is None:
                self._scheduling_error = error
            self._stop_conditions.trigger(stop_reasons.internal_error(error))
            return None

    def _handle_internal_error(self, request: InFlightRequest, error: Exception) -> None:
        """End a user whose response met a bug. Several of them without a success between them stop the task."""
        # Log only the place: the error's text may contain a response of the CRM or a header.
        place = traceback.extract_tb(error.__traceback__)[-1]
        log.error("The delivery failed with %s in %s, line %s", type(error).__name__, place.name, place.lineno)
        self._outcomes.record_outcome(request, ResponseClassification(Action.FINALIZE, "unknown", "internal_error"))
        self._limits.breaker.release_probe(time.monotonic())
        self._internal_errors += 1
        if self._internal_errors == SEVERAL:
            self._stop_conditions.trigger(stop_reasons.internal_error(error))

    async def _watch_canary(self) -> None:
        """Let other tasks start when the canary has passed, although some of its users may still be sent."""
        while self._canary is not None and not self._canary.decided.is_set():
            await asyncio.sleep(_CANARY_CHECK_SECONDS)
            self._release_canary()

    def _release_canary(self) -> None:
        if self._canary is None or self.stop_reason is not None or not self._canary.update(time.monotonic()):
            return
        if self._canary.stragglers:
            self._limits.rate.limit, self._limits.rate.burst = straggler_rate(self._settings.rate), 1.0
        self._canary.not_before = self._limits.announced_end()
        self._canary.released = True
        self._canary.decided.set()

    async def _log_progress(self) -> None:
        progress = Progress(self._name, self._expected_rows)
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            line = progress.line(
                posts=self.counters.posts,
                delivered=self.counters.outcomes["delivered"],
                finished=self.counters.rows,
                in_flight=self._scheduler.in_flight,
                limit=self._limits.concurrency.limit,
                waiting=self._queue.waiting,
            )
            log.info("%s", line)

"""Provisional rejections: users whose score the CRM refused, before it is known whether it refuses everyone's."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace

from engagement_jobs.contract.outcomes import REPLAYED, SHARED
from engagement_jobs.crm_client.response_classification import ResponseClassification
from engagement_jobs.delivery.evidence.hold import Hold
from engagement_jobs.delivery.evidence.run_policy import IN_A_ROW, SEVERAL, SHARE, WINDOW
from engagement_jobs.delivery.limits.circuit_breaker import CircuitBreaker
from engagement_jobs.delivery.outcome_recorder import OutcomeRecorder
from engagement_jobs.delivery.request_state import InFlightRequest

Refused = tuple[float, InFlightRequest, ResponseClassification]
"""When the refusal arrived, the user, and the refusal."""


class ProvisionalRejections:
    """Keeps refused users without a ledger line until there is evidence. Its size is bounded.

    A success of another user whose request was sent after a refusal shows that the refusal was about its user, who
    becomes `rejected`. If refusals come in a row instead, they are about the run: the users become `deferred` with a
    reason such as `http_404_shared`, and the circuit breaker opens.

    The row is in the order of sending, because refusals may be faster than successes. So when it is complete, the task
    *holds*: it sends nothing until the requests in flight are answered.

    A refusal that the CRM replays is no evidence. The user is `deferred` and gets a new key in the next attempt,
    because the CRM may have stored the refusal during an outage.
    """

    def __init__(self, breaker: CircuitBreaker, outcomes: OutcomeRecorder) -> None:
        self.has_success = False
        self.are_shared = False
        """Whether the last evidence was about the run; until a success, all refused users are deferred."""
        self.shared_users = 0
        self.shared_reasons = ""
        self._breaker, self._outcomes = breaker, outcomes
        self._listed: deque[Refused] = deque()
        self._followed = 0
        self._row: list[int] = []
        self._row_reason = ""
        self._answers = 0
        self._positions: dict[str, deque[int]] = {}
        self.hold = Hold()

    def record_success(self, request: InFlightRequest) -> None:
        """Record a success of another user."""
        self._answers += 1
        self.has_success = True
        if self._listed:
            self._followed = len(self._listed)
            self._confirm(request.sent_at)
            self._shorten_row(request.number)
        if self.are_shared and request.sent_at >= (self._breaker.opened_at or 0.0):
            self.are_shared = False

    def add(self, request: InFlightRequest, classification: ResponseClassification, now: float) -> None:
        """Add a refused user."""
        reason = classification.reason
        if reason == request.update.earlier_refusal:
            self._outcomes.record_outcome(request, classification)
        elif classification.replayed:
            self._defer(request, classification, REPLAYED)
        elif self.are_shared:
            self._defer(request, classification)
            self.shared_users += 1
            self._breaker.record_failure(now, is_probe=request.probe)
            return
        else:
            self._listed.append((now, request, classification))
            self._extend_row(request.number, reason, now)
        if request.probe:
            self._breaker.release_probe(now)

    def finish(self, *, has_success: bool) -> None:
        """Record the outcomes of the users left at the end of the task.

        If the same refusal of several users came last, it may be about the run: an outage can begin there.

        :param has_success: whether the CRM accepted the score of any user, in this task or in the canary
        """
        last_row = frozenset(self._row if len(self._row) >= SEVERAL else ())
        for _, request, classification in self._listed:
            if has_success and request.number not in last_row:
                self._outcomes.record_outcome(request, classification)
            else:
                self._defer(request, classification)
        self._listed.clear()

    def decide(self, now: float, in_flight: int) -> None:
        """End a hold when no success can contradict the row any more.

        :param now: seconds of the event loop's clock
        """
        if not self.hold.is_over(now, in_flight):
            return
        self.hold.end()
        if self._is_row_complete or not self._followed:
            self._share(now)
        else:
            self._reject_followed()

    @property
    def _is_row_complete(self) -> bool:
        return len(self._row) >= IN_A_ROW

    def _extend_row(self, number: int, reason: str, now: float) -> None:
        self._answers += 1
        if reason != self._row_reason:
            self._row, self._row_reason = [], reason
        self._row.append(number)
        positions = self._positions.setdefault(reason, deque(maxlen=SHARE))
        positions.append(self._answers)
        if len(positions) == SHARE and positions[0] > self._answers - WINDOW:
            self._share(now)
        elif self._is_row_complete or len(self._listed) >= WINDOW:
            self.hold.begin(now)

    def _shorten_row(self, number: int) -> None:
        """Leave only the refusals in the row that were sent after a request with a success."""
        self._row = [refused for refused in self._row if refused > number]
        if self.hold.is_active and not self._is_row_complete and len(self._listed) < WINDOW:
            self.hold.end()
            self._positions.clear()

    def _share(self, now: float) -> None:
        reasons = Counter(classification.reason for _, _, classification in self._listed)
        self.shared_reasons = ", ".join(reason for reason, _ in reasons.most_common())
        self.shared_users = len(self._listed)
        self.are_shared = True
        for _, request, classification in self._listed:
            self._defer(request, classification)
        self._listed.clear()
        self._positions.clear()
        self._row.clear()
        self._followed = 0
        self.hold.end()
        self._breaker.open(now)

    def _reject_followed(self) -> None:
        """Reject the users before the last success, although its request was sent before their refusals arrived."""
        for _ in range(self._followed):
            _, request, classification = self._listed.popleft()
            self._outcomes.record_outcome(request, classification)
        self._followed = 0

    def _confirm(self, sent_at: float) -> None:
        while self._listed and self._listed[0][0] <= sent_at:
            _, request, classification = self._listed.popleft()
            self._outcomes.record_outcome(request, classification)
        self._followed = min(self._followed, len(self._listed))

    def _defer(self, request: InFlightRequest, classification: ResponseClassification, end: str = SHARED) -> None:
        deferred = replace(classification, outcome="deferred", reason=f"{classification.reason}{end}")
        self._outcomes.record_outcome(request, deferred)

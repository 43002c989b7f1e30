"""Canary: sends the first users of a job in stages, so that a misconfigured run fails on a few users."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification

_STAGES = (1, 11, 111)
_PASS_FRACTION = 0.9
_MIN_RESPONSES = 10

SIZE = _STAGES[-1]


@dataclass
class Canary:
    """Starts 1, then 10, then 100 users. A stage passes when 90 % of the users started so far have a final response.

    A user who ends without a final response makes room for another, so that a single user cannot block the run.
    """

    _final: Counter[str] = field(init=False, default_factory=Counter)
    _not_final: int = field(init=False, default=0)

    def allows(self, started: int) -> bool:
        """Return whether one more user may be started.

        :param started: users started so far
        """
        responses = self._final.total()
        size = next((size for size in _STAGES if responses < _PASS_FRACTION * size), SIZE)
        return started - self._not_final < size

    def record(self, classification: ResponseClassification) -> None:
        """Record how a user ended."""
        if classification.action is not Action.FINALIZE:
            self._not_final += 1
        elif classification.outcome == "delivered":
            self._final["delivered"] += 1
        else:
            self._final[classification.reason] += 1

    @property
    def passed(self) -> bool:
        """Whether the last stage has passed."""
        return self._final.total() >= _PASS_FRACTION * SIZE

    def common_refusal(self) -> str | None:
        """Return the reason that all users have in common if it shows a misconfigured run: 404 or 400."""
        if self._final.total() < _MIN_RESPONSES or len(self._final) != 1:
            return None
        (reason,) = self._final
        return reason if reason in ("http_404", "http_400") else None

"""The first records of a job, let out in stages: what is wrong with the run shows on a few, not on all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from engagement_jobs.crm_client.response_classification import Action, ResponseClassification

_STAGES = (1, 11, 111)
_PASSES_AT = 0.9
_ENOUGH_TO_JUDGE = 10

SIZE = _STAGES[-1]


@dataclass
class Canary:
    """Opens 1, 10 and 100 records; a stage passes when 90 % of it have been answered.

    A record that ends without an answer makes room for another one, so that a single bad record cannot hold up a day.
    """

    _answers: Counter[str] = field(init=False, default_factory=Counter)
    _lost: int = field(init=False, default=0)

    def allows(self, opened: int) -> bool:
        """Whether one more record may be opened."""
        answered = self._answers.total()
        stage = next((size for size in _STAGES if answered < _PASSES_AT * size), SIZE)
        return opened - self._lost < stage

    def record(self, classification: ResponseClassification) -> None:
        """Note how a record ended."""
        if classification.action is Action.FINALIZE:
            self._answers["delivered" if classification.outcome == "delivered" else classification.reason] += 1
        else:
            self._lost += 1

    @property
    def passed(self) -> bool:
        """Whether the last stage has passed too."""
        return self._answers.total() >= _PASSES_AT * SIZE

    def refusal(self) -> str | None:
        """The one answer that all records got, when it says that the run is wrong: 404 or 400."""
        if self._answers.total() < _ENOUGH_TO_JUDGE or len(self._answers) != 1:
            return None
        (reason,) = self._answers
        return reason if reason in ("http_404", "http_400") else None

from __future__ import annotations

from engagement_jobs.contract.outcomes import OPEN, OUTCOMES, SETTLED


def test_outcomes_are_settled_open_or_not_sent() -> None:
    assert set(OUTCOMES) == {*SETTLED, *OPEN, "superseded", "unchanged", "planned"}

"""How long a task sends nothing before a verdict on the run."""

from __future__ import annotations

import pytest

from engagement_jobs.delivery.evidence.hold import Hold


@pytest.mark.parametrize(
    ("now", "in_flight", "over"), [(10.0, 0, True), (10.0, 1, False), (14.9, 64, False), (15.0, 1, True)]
)
def test_hold_awaits_the_requests_in_flight(now: float, in_flight: int, *, over: bool) -> None:
    hold = Hold()
    hold.begin(10.0)
    hold.begin(12.0)  # another reason does not prolong it
    assert hold.is_active
    assert hold.is_over(now, in_flight) is over


def test_hold_that_has_ended_is_never_over() -> None:
    hold = Hold()
    assert not hold.is_over(100.0, 0)
    hold.begin(10.0)
    hold.end()
    assert not hold.is_active
    assert not hold.is_over(100.0, 0)

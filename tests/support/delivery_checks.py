"""Checks that hold after every delivery of the harness."""

from __future__ import annotations

from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.stop_reasons import StopReason
from tests.support.delivery_harness import DeliveryHarness


def check(harness: DeliveryHarness, dispatcher: Dispatcher, rows: int = 0, swallowed: int = 0, **outcomes: int) -> None:
    """Check that every row has one outcome, every started user one line, and that no key was applied twice.

    :param rows: number of rows, if `outcomes` is not given
    :param swallowed: requests that a closing connection may have kept from the CRM
    :param outcomes: the expected outcomes
    """
    lines = harness.lines()
    assert dispatcher.counters.rows == (rows or sum(outcomes.values()))
    assert not outcomes or dict(dispatcher.counters.outcomes) == outcomes
    assert len({line["user_id"] for line in lines}) == len(lines)
    assert harness.crm.stats()["duplicates"]["applied_per_key"] == 0
    assert 0 <= dispatcher.counters.posts - harness.requests <= swallowed
    assert sum(line["tries"] for line in lines) == dispatcher.counters.posts


def stop_of(dispatcher: Dispatcher) -> StopReason:
    """Return why the delivery was stopped; fail if it was not."""
    assert dispatcher.stop_reason is not None
    return dispatcher.stop_reason

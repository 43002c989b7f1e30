"""A CRM that closes each connection shortly after a response, without notice."""

from __future__ import annotations

import pytest

from local.fake_crm.faults import Fault
from tests.support.delivery_harness import delivery_harness, score_updates


@pytest.mark.parametrize("milliseconds", [2, 5, 20])
def test_closed_connections_leave_no_user_unknown(milliseconds: int, caplog: pytest.LogCaptureFixture) -> None:
    harness = delivery_harness(Fault(close_after_ms=milliseconds))
    dispatcher = harness.deliver(score_updates(400), rate=200, burst=1)

    assert dispatcher.stop_reason is None
    assert dispatcher.counters.outcomes == {"delivered": 400}
    stats = harness.crm.stats()
    assert (stats["applied"], stats["users"], stats["duplicates"]["applied_per_key"]) == (400, 400, 0)
    # Each of three connections costs one more request, and those in flight at that time.
    assert 400 <= dispatcher.counters.posts <= 440
    assert stats["peak_in_one_second"] <= 200 + 1 + 10
    assert caplog.text.count("from now on each request gets a new one") == (dispatcher.counters.posts > 402)

"""Scenarios about HTTP alone: the delivery core, mostly one task, a few seconds each; in the order of the page."""

from __future__ import annotations

from tests.faults.http import bodies, connections, messages, pace, refusals, throttling, tokens, users
from tests.faults.scenario import Scenario

SCENARIOS: tuple[Scenario, ...] = (
    *pace.SCENARIOS,
    *throttling.SCENARIOS,
    *connections.SCENARIOS,
    *messages.SCENARIOS,
    *bodies.SCENARIOS,
    *refusals.SCENARIOS,
    *tokens.SCENARIOS,
    *users.SCENARIOS,
)

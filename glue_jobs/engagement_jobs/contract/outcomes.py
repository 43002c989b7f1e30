"""Names of the outcomes that a user's score can have."""

from __future__ import annotations

OUTCOMES = ("delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned")
SETTLED = ("delivered", "rejected")
"""Outcomes of sent scores that are final."""
OPEN = ("unknown", "deferred")
"""Outcomes that a later attempt may change."""
NOT_REACHED = ("rejected", *OPEN)
"""Outcomes of users that were to be sent and whose score the CRM may not have."""

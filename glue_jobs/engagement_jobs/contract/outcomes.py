"""Names of the outcomes that a user's score can have, and what the reasons of open users say."""

from __future__ import annotations

OUTCOMES = ("delivered", "rejected", "unknown", "deferred", "superseded", "unchanged", "planned")
SETTLED = ("delivered", "rejected")
"""Outcomes of sent scores that are final."""
OPEN = ("unknown", "deferred")
"""Outcomes that a later attempt may change."""
NOT_REACHED = ("rejected", *OPEN)
"""Outcomes of users that were to be sent and whose score the CRM may not have."""

SHARED = "_shared"
"""End of the reason of a refusal that several users got, and which is therefore a problem of the run."""
REPLAYED = "_replayed"
"""End of the reason of a refusal that the CRM has stored for the idempotency key."""
ANSWERED_NOT_APPLIED = f"^http_([0-9]+.*{SHARED}|[24].*{REPLAYED}|401|403|3[0-9][0-9])$"
"""Reasons (a regular expression) of deferred users whose request was answered: the CRM may replay that answer."""
OWN_FAILURE = f"^(?!.*_(limit|{SHARED[1:]})$|http_(429|503)$)(http_[0-9].*|timeout|reset|malformed)$"
"""Reasons (a regular expression) of open users that were left open by an answer or a time-out of their own."""

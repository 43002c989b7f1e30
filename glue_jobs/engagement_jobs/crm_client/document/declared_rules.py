"""Rules for what a CRM document declares about responses, as data; they come before those of `response_rules`."""

from __future__ import annotations

from typing import Final

from engagement_jobs.crm_client.response_rules import Action, Finding, ResponseRule

_ANY: Final = range(200, 600)

DECLARED_RULES: Final = (
    ResponseRule(
        "a status of `success.statuses` outside of 2xx; with a `pointer`, one of the `values` there",
        _ANY,
        Finding.DECLARED_SUCCESS,
        Action.FINALIZE,
        "delivered",
    ),
    ResponseRule(
        "a success by its status, with another value at the `pointer`",
        _ANY,
        Finding.OTHER_VALUE,
        Action.REJECT,
        "rejected",
        "http_{status}_failure",
    ),
    ResponseRule(
        "a success by its status, without a value at the `pointer`, or not JSON",
        _ANY,
        Finding.NO_VALUE,
        Action.RETRY,
        "unknown",
        "http_{status}_no_value",
    ),
    ResponseRule(
        "2xx that is not in `success.statuses`",
        _ANY,
        Finding.UNEXPECTED,
        Action.RETRY,
        "unknown",
        "http_{status}_unexpected",
    ),
    ResponseRule("a status in `final`", _ANY, Finding.DECLARED_FINAL, Action.REJECT, "rejected"),
    ResponseRule("429 or 503 in `pushback`", (429, 503), Finding.DECLARED_PUSHBACK, Action.BACK_OFF, "deferred"),
    ResponseRule(
        "another status in `pushback`",
        _ANY,
        Finding.DECLARED_PUSHBACK,
        Action.BACK_OFF,
        "deferred",
        "http_{status}_limit",
    ),
)
"""The first rule that matches counts. A limit in a final status or in a success comes before them."""

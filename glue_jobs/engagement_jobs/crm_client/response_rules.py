"""Rules for the verdict on one user, as data: what the CRM's response shows, and what the delivery does then.

`response_classification` applies them and docs/reference/delivery-policy.md lists them. The outcome is `deferred` only
if the CRM certainly has not applied the score.
"""

from __future__ import annotations

import enum
from collections.abc import Container
from dataclasses import dataclass
from typing import Final


class Action(enum.Enum):
    """What the delivery does after a response."""

    FINALIZE = enum.auto()  # the outcome is final
    REJECT = enum.auto()  # the CRM refused this user's score; provisional, because it may refuse everyone's
    RETRY = enum.auto()  # send again with the same key, within max_attempts and the retry budget
    BACK_OFF = enum.auto()  # the CRM throttles: send again later; not an attempt, and outside the retry budget
    REFRESH_TOKEN = enum.auto()  # the CRM refused the token: read the secret again; stop if the token is the same
    RESEND = enum.auto()  # a reused connection was closed: send again at once on a new one; not an attempt
    REFUSE = enum.auto()  # access refused or redirected: not sent again; stop if several users get it


_ACTION_WORDS: Final = {
    Action.FINALIZE: "final",
    Action.REJECT: "final once another user succeeds",
    Action.RETRY: "sent again with the same key",
    Action.BACK_OFF: "sent again after a wait; not an attempt",
    Action.REFRESH_TOKEN: "sent again if the secret has a new token",
    Action.RESEND: "sent again at once on a new connection; not an attempt",
    Action.REFUSE: "not sent again in this attempt",
}


class Finding(enum.Enum):
    """What a response shows besides its status."""

    NOTHING = enum.auto()  # nothing that changes the meaning of the status
    EMPTY = enum.auto()
    FAILURE = enum.auto()
    LIMIT = enum.auto()
    EXECUTION_ERROR = enum.auto()
    HTML = enum.auto()
    ERROR_TEXT = enum.auto()
    UNREADABLE = enum.auto()
    ENCODING = enum.auto()
    REPLAYED = enum.auto()
    DECLARED_SUCCESS = enum.auto()  # as the CRM document states; so are the next four
    DECLARED_FINAL = enum.auto()
    DECLARED_PUSHBACK = enum.auto()
    NO_VALUE = enum.auto()
    OTHER_VALUE = enum.auto()
    UNEXPECTED = enum.auto()


@dataclass(frozen=True)
class ResponseRule:
    """One row of the policy.

    :param evidence: what the response shows, in words
    :param statuses: HTTP statuses that the rule is about
    :param finding: what else the response must show; None if anything
    :param outcome: the user's outcome if no further request is sent
    :param reason: short code, in which `{status}` stands for the status
    :param detail: fixed detail of the classification; if empty, the type of a problem document
    """

    evidence: str
    statuses: Container[int]
    finding: Finding | None
    action: Action
    outcome: str
    reason: str = "http_{status}"
    detail: str = ""

    @property
    def verdict(self) -> str:
        """The verdict on the user in words."""
        return f"{self.outcome}; {_ACTION_WORDS[self.action]}"


_ANY: Final = range(100, 1000)
_SUCCESS: Final = range(200, 300)
_CLIENT_ERROR: Final = range(400, 500)
_SERVER_ERROR: Final = range(500, 600)
LIMIT_STATUSES: Final = (420, 423, 429, 430, 477)
"""Statuses that mean a limit or a lock in the APIs that use them, with or without a wait."""

RULES: Final = (
    ResponseRule("204 or 205", (204, 205), None, Action.FINALIZE, "delivered"),
    ResponseRule(
        "2xx with an empty, complete body (`Content-Length: 0` or the end of the chunks)",
        _SUCCESS,
        Finding.EMPTY,
        Action.FINALIZE,
        "delivered",
    ),
    ResponseRule(
        "2xx with a body in an encoding that the job does not support, such as br",
        _SUCCESS,
        Finding.ENCODING,
        Action.RETRY,
        "unknown",
        "http_{status}_encoding",
    ),
    ResponseRule(
        "2xx with a body that cannot be read: it claims to be JSON and does not parse, its characters cannot be "
        "decoded, it is longer than 1 MiB, it is damaged, or nothing but blanks arrives until the connection closes",
        _SUCCESS,
        Finding.UNREADABLE,
        Action.RETRY,
        "unknown",
        "http_{status}_unreadable",
    ),
    ResponseRule(
        "2xx JSON whose code or message says that a limit is exceeded (RATE_LIMIT, too many requests, quota exceeded, "
        "throttled and the like), unless a field reports success; a limit that is only mentioned does not count",
        _SUCCESS,
        Finding.LIMIT,
        Action.BACK_OFF,
        "deferred",
        "http_{status}_limit",
    ),
    ResponseRule(
        "2xx JSON whose fields report a failure: `success`, `ok` and the like are false; `error`, `errors` and the "
        "like contain something; `status` or `statusCode` is 400 or more, or a failure word. In the fields of a record "
        "that the CRM returns, only `success: false` and lists of errors count",
        _SUCCESS,
        Finding.FAILURE,
        Action.REJECT,
        "rejected",
        "http_{status}_failure",
    ),
    ResponseRule(
        "2xx JSON with `errorMessage` or `errorType`: a function failed, perhaps after it had applied the score",
        _SUCCESS,
        Finding.EXECUTION_ERROR,
        Action.RETRY,
        "unknown",
        "http_{status}_execution_error",
    ),
    ResponseRule(
        "2xx with a text that begins with a tag or doctype, behind a byte order mark or white space too; or with "
        "`x-amzn-waf-action`, the challenge of a firewall",
        _SUCCESS,
        Finding.HTML,
        Action.RETRY,
        "unknown",
        "http_{status}_html",
    ),
    ResponseRule(
        "2xx with another text whose first word is error, fail, failed, failure, exception or invalid",
        _SUCCESS,
        Finding.ERROR_TEXT,
        Action.RETRY,
        "unknown",
        "http_{status}_error_text",
    ),
    ResponseRule("2xx with other JSON, or another text", _SUCCESS, None, Action.FINALIZE, "delivered"),
    # The server has processed the request and its result is at another URL.
    ResponseRule("303", (303,), None, Action.REFUSE, "unknown", detail="redirect"),
    ResponseRule("other 3xx", range(300, 400), None, Action.REFUSE, "deferred", detail="redirect"),
    ResponseRule("401", (401,), None, Action.REFRESH_TOKEN, "deferred"),
    # The CRM replays a stored failure for this key, so a retry cannot change it.
    ResponseRule(
        "5xx with `Idempotent-Replayed: true`",
        _SERVER_ERROR,
        Finding.REPLAYED,
        Action.FINALIZE,
        "unknown",
        "http_{status}_replayed",
    ),
    ResponseRule("429", (429,), None, Action.BACK_OFF, "deferred"),
    ResponseRule("503 with a wait", (503,), Finding.LIMIT, Action.BACK_OFF, "deferred"),
    ResponseRule("409 with a wait", (409,), Finding.LIMIT, Action.BACK_OFF, "unknown", "http_{status}_limit"),
    ResponseRule(
        "4xx with a wait (any `Retry-After` but 0), with JSON whose code or message says that a limit is "
        "exceeded, or 403 with `X-RateLimit-Remaining: 0`; 420, 423, 430 and 477 always",
        _CLIENT_ERROR,
        Finding.LIMIT,
        Action.BACK_OFF,
        "deferred",
        "http_{status}_limit",
    ),
    ResponseRule("5xx with a wait", _SERVER_ERROR, Finding.LIMIT, Action.BACK_OFF, "unknown", "http_{status}_limit"),
    ResponseRule("403", (403,), None, Action.REFUSE, "deferred"),
    ResponseRule("409: an identical request is in flight", (409,), None, Action.RETRY, "unknown"),
    # The CRM did not process the request: request timeout, too early, service unavailable.
    ResponseRule("408, 425, 503", (408, 425, 503), None, Action.RETRY, "deferred"),
    ResponseRule("other 4xx", _CLIENT_ERROR, None, Action.REJECT, "rejected"),
    ResponseRule("5xx, or any other status", _ANY, None, Action.RETRY, "unknown"),
)
"""The first rule that matches counts."""


@dataclass(frozen=True)
class FailureRule:
    """One row of the policy about a request without a response.

    :param reason: short code
    :param evidence: what happened, in words
    :param outcome: the user's outcome if no further request is sent
    """

    reason: str
    evidence: str
    outcome: str
    action: Action = Action.RETRY

    @property
    def verdict(self) -> str:
        """The verdict on the user in words."""
        return f"{self.outcome}; {_ACTION_WORDS[self.action]}"


FAILURE_RULES: Final = (
    FailureRule("connect", "The connection was refused or could not be made", "deferred"),
    FailureRule("dns", "The host name could not be resolved", "deferred"),
    FailureRule("connect_timeout", "No connection within half of the request's timeout", "deferred"),
    FailureRule("proxy", "The proxy could not be reached, or did not connect to the CRM", "deferred"),
    FailureRule(
        "proxy_auth",
        "The proxy demands a user name and a password, or refuses those in the secret (407)",
        "deferred",
        Action.REFUSE,
    ),
    FailureRule("tls", "The TLS handshake failed for a reason other than a certificate", "deferred"),
    FailureRule(
        "tls_client_certificate",
        "The CRM ended the TLS handshake: likely it demands a client certificate, or refuses the one in the secret",
        "deferred",
        Action.REFUSE,
    ),
    FailureRule("tls_expired", "The certificate has expired or is not valid yet", "deferred", Action.REFUSE),
    FailureRule("tls_unknown_ca", "The authority of the certificate is not trusted", "deferred", Action.REFUSE),
    FailureRule(
        "tls_missing_intermediate", "Likely an intermediate certificate is not sent", "deferred", Action.REFUSE
    ),
    FailureRule("tls_wrong_name", "The certificate is for another host name", "deferred", Action.REFUSE),
    FailureRule("timeout", "No complete response within the request's timeout", "unknown"),
    FailureRule("reset", "The connection ended before the response was complete", "unknown"),
    FailureRule("malformed", "The response is not valid HTTP", "unknown"),
)
LASTING_FAILURES: Final = frozenset(rule.reason for rule in FAILURE_RULES if rule.action is Action.REFUSE)
"""Reasons that another try does not change."""

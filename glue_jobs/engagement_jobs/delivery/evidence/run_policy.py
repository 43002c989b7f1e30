"""Verdicts on the run as data: which evidence stops a task, and what the operator reads.

*Several* users are 3 different users of one task with the same answer and no success between them, or all users of a
smaller run. A *success* is a response that delivered a score now; a replay of a stored response is none.
"""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.delivery.stop_reasons import StopReason

SEVERAL = 3
"""Users whose answers are evidence about the run; fewer if the run is smaller."""
CANARY_USERS = 10
"""Users of the canary with the same refusal, and without a success, that stop the run; fewer if the run is smaller."""
LONE_USERS = 10
"""The same if all of these users failed alone in an earlier attempt, and no one had a success in this one."""
IN_A_ROW = 20
"""Failures, or refusals with the same reason, in a row that open the circuit breaker."""
CANARY_FAILURES = 5
"""Failures in a row that open the circuit breaker of the canary."""
LONE_FAILURES = 200
"""Users who failed alone in an earlier attempt and fail again before any answer that open the circuit breaker."""
ANSWER_SECONDS = 5.0
"""How long the requests in flight may take to contradict a verdict."""
WINDOW, SHARE = 100, 90
"""Refusals with the same reason among the last final answers that open the circuit breaker."""


@dataclass(frozen=True)
class RunVerdict:
    """One row of the policy.

    :param evidence: what the task observed
    :param verdict: what the task does
    :param cause: code of the stop reason, listed in the runbook
    :param sentence: detail of the stop reason; names in braces are filled in by `stop`
    """

    evidence: str
    verdict: str
    cause: str
    sentence: str


def stop(verdict: RunVerdict, **facts: str | int | float) -> StopReason:
    """Return the stop reason of a verdict.

    :param facts: values of the names in braces
    """
    return StopReason(verdict.cause, verdict.sentence.format(**facts))


TOKEN = RunVerdict(
    "401 for several users, although the secret was read again after the first one and before the stop",
    "stop",
    "token_refused",
    "The CRM refuses the token: {reason} for {users} users in a row, also after the secret was read again. "
    "Put a valid token into the secret, then clear push_scores.",
)
ACCESS = RunVerdict(
    "403 for several users",
    "stop",
    "access_refused",
    "The CRM refuses access: {reason} for {users} users in a row. Check the permissions of the token and the rules of "
    "a firewall before the CRM, then clear push_scores.",
)
REDIRECT = RunVerdict(
    "a redirect for several users",
    "stop",
    "redirect",
    "The CRM redirects: {reason} for {users} users in a row. Set base_url to the address of the API itself, then clear "
    "push_scores.",
)
CONNECTIONS = {
    "proxy_auth": RunVerdict(
        "407 from the proxy for several users",
        "stop",
        "proxy_auth",
        "The proxy demands a user name and a password, or refuses those in the secret: {users} users in a row could "
        "not be sent. Put a valid proxy_user and proxy_password into the secret, then clear push_scores.",
    ),
    "tls_client_certificate": RunVerdict(
        "a TLS handshake that the CRM ends, likely for want of a valid client certificate, for several users",
        "stop",
        "certificate",
        "The CRM ended the TLS handshake with {users} users in a row. It likely demands a client certificate, or "
        "refuses the one in the secret. Put a valid client_certificate and client_key into the secret, then clear "
        "push_scores.",
    ),
    "tls_expired": RunVerdict(
        "an expired or not yet valid certificate for several users",
        "stop",
        "certificate",
        "The CRM's certificate has expired or is not valid yet: {users} users in a row could not be sent. Have the "
        "owner of the CRM renew it, then clear push_scores.",
    ),
    "tls_unknown_ca": RunVerdict(
        "a certificate of an unknown authority for several users",
        "stop",
        "certificate",
        "The CRM's certificate is self-signed or from an authority that this job does not know: {users} users in a row "
        "could not be sent. Check base_url, or store the authority's certificate where ca_uri names it; then "
        "clear push_scores.",
    ),
    "tls_missing_intermediate": RunVerdict(
        "a certificate chain without its intermediate certificate for several users",
        "stop",
        "certificate",
        "The CRM's server likely does not send the intermediate certificate: {users} users in a row could not be sent. "
        "Have the owner of the CRM install the full chain, then clear push_scores.",
    ),
    "tls_wrong_name": RunVerdict(
        "a certificate for another host name for several users",
        "stop",
        "certificate",
        "The CRM's certificate is for another host name than the one in base_url: {users} users in a row could not be "
        "sent. Correct base_url, or have the owner of the CRM add the name; then clear push_scores.",
    ),
}
CANARY_REFUSAL = RunVerdict(
    f"the same final refusal for {CANARY_USERS} users of the canary, or final refusals for all users of a smaller "
    "run, without a success",
    "stop; these users are deferred as <reason>_shared",
    "canary_refused",
    "The CRM refused all of the first {users} users with {reason}: base_url or the CRM document is likely wrong, or "
    "these are not its users. They stay open: fix the cause, then clear push_scores.",
)
CANARY_UNREADABLE = RunVerdict(
    "the same unreadable success (HTML, damaged, the text of an error, or not the one that the CRM document declares) "
    "for several users of the canary",
    "stop; these users stay unknown",
    "canary_refused",
    "The CRM answered the first {users} users with {reason}, which shows no success: base_url likely points at a web "
    "page, a login page or a proxy, or the CRM document declares another success. Correct it, then clear push_scores.",
)
CANARY_UNANSWERED = RunVerdict(
    "fewer than 90 % of the canary's users have a final answer after all their attempts",
    "stop",
    "canary_unanswered",
    "Fewer than 90 % of the first {users} users got a final response from the CRM; the other users were not sent.",
)
SHARED_REFUSAL = RunVerdict(
    f"the same final refusal for {IN_A_ROW} users in a row, or for {SHARE} of the last {WINDOW} answers, or {WINDOW} "
    "refused users without a success",
    "the users not yet rejected are deferred as <reason>_shared, the circuit breaker opens and probes; stop after "
    "unavailable_timeout_seconds without a success",
    "shared_refusal",
    "The CRM refused {users} users in a row with {reason} and accepted none for {seconds:.0f} s. They stay open: fix "
    "the cause, then clear push_scores.",
)
UNAVAILABLE = RunVerdict(
    f"{IN_A_ROW} failures in a row of users who did not fail alone (canary: {CANARY_FAILURES}, from several users; or "
    f"no answer at all for several users); or {LONE_FAILURES} users who failed alone in an earlier attempt fail again "
    "before any answer",
    f"the circuit breaker opens and probes, with new users and retries in turn; 409 for {IN_A_ROW} users without a "
    "final answer between them counts as failures; stop after unavailable_timeout_seconds without a healthy response",
    "crm_unavailable",
    "No healthy response from the CRM for {seconds:.0f} s; last failure: {reason}.",
)

THROTTLED = RunVerdict(
    "nothing but pushback (429 and the like), for several users",
    "stop after unavailable_timeout_seconds of it, not counting the longest wait that the CRM announced",
    "throttled",
    "The CRM throttled all requests for {seconds:.0f} s (last: {reason}). Its limit is likely used up, or lower than "
    "max_requests_per_second. Find out the limit and who else uses it, then clear push_scores.",
)

VERDICTS = (
    TOKEN,
    ACCESS,
    REDIRECT,
    *CONNECTIONS.values(),
    CANARY_REFUSAL,
    CANARY_UNREADABLE,
    CANARY_UNANSWERED,
    SHARED_REFUSAL,
    UNAVAILABLE,
    THROTTLED,
)
"""All rows, in the order of the reference page."""

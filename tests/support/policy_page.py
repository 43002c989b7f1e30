"""The page docs/reference/delivery-policy.md, written from the rules that the push job applies.

`make schemas` writes it, and a test compares it with what this module returns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from engagement_jobs.crm_client.response_rules import FAILURE_RULES, RULES
from engagement_jobs.delivery.evidence.run_policy import IN_A_ROW, LONE_USERS, SEVERAL, VERDICTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "delivery-policy.md"

_HEAD = f"""\
# Delivery policy

<!-- Written by `make schemas` from the rules in the code and the prose in tests/support/policy_page.py. -->

What the push job concludes from the CRM's responses. Three rules come before all others:

- **A verdict on the run needs evidence from several users.** *Several* means {SEVERAL} different users of one push task
  with the same verdict and no success between them, or all users of a smaller run.
- **A verdict on one user never stops the others.**
- **What cannot be read is `unknown`,** never `delivered`.

A *success* is a response that delivered a score now. A response that the CRM replays for an idempotency key
(`Idempotent-Replayed: true`) is about the user, never about the run.

## Verdicts on one user

The first row that matches the response decides. The content counts, not its label: a body that parses as JSON is read
as JSON whatever its `Content-Type`. Names and words in JSON are compared without case. The outcome holds if no further
request is sent; a user whom an earlier request may have reached stays `unknown` until a response settles the score.
What a [CRM document](crm-document.md#response) declares about responses comes before all rows.
"""
_NO_RESPONSE = """\
Without a response:
"""
_RUN = f"""\
## Verdicts on the run

Some rows need more than three users, because a few users in a row may be truly invalid.

A user who *failed alone*, while the CRM answered others, is no evidence about the run. The other rows count users in
a row: a success starts the count again. With 401, 403, 407, a redirect or a certificate, each such user before a
success raises the number that a verdict needs by one, up to {IN_A_ROW}, because chance then makes a row of them more
likely. The users who failed alone in an earlier attempt count if no one has a success in this attempt; if all are such
users, {LONE_USERS} are several.
"""
_REST = """\
A rejection by status or body is *provisional*: the user gets no ledger line until another user succeeds. A killed job
can therefore lose the lines of about 100 users per task and of those in flight; they stay open. A user whom an earlier
attempt refused, although the CRM accepted other users of the date at the same address, is `rejected` at once by the
same refusal.

After a request that may have been applied, a final refusal rejects the user only if the application itself refused the
score: 400, 422, or a failure in the body of a 2xx. Any other one, such as the 404 of a load balancer, leaves the user
`unknown`.

At the end of a task, users who still wait for a success are `rejected` if the task or the canary had one. But if
several users with the same refusal come last, an outage may have begun there: they are `deferred` as `…_shared`.

A refusal that the CRM replays for the key is never evidence. The user is `deferred` as `…_replayed`, also after an
earlier request in doubt, because the stored refusal is the answer to that request.

A job of which at least 90 % of the users sent (from 10 on) were rejected ends FAILED.

## What the next attempt does

| user after this attempt | next attempt |
|---|---|
| `delivered` or `rejected` | not sent; `push_mode=retry_rejected` in another run sends the rejected users |
| `deferred` and never answered, throttled, or 408, 425, 503 | sent with the same idempotency key |
| `deferred` after an answer of its own (`…_shared`, `…_replayed`, 401, 403, a redirect) | sent with a new key |
| `unknown` | sent with the stored key, whatever `base_url` is, while score and shape of the request are the same |
| left open by an answer or a time-out of its own, while others were answered | sent last, never by the canary |

A CRM may replay its old answer for an old key. So a user whom it answered without applying the score gets a new one.

## Waits

The job obeys `Retry-After` on every status but 202, where it is the interval for polling a result: seconds (also
fractions, with a unit, or as a list, of which the longest counts), HTTP and ISO 8601 dates, and epoch seconds;
`Retry-After-Ms`; and the reset time of an exhausted quota. A value that cannot be read counts as one second. No wait is
longer than `max_retry_after_seconds` (a day); the log names the value that was cut. Throttling without a time pauses
the task for 1 s, then doubles to 30 s. After 20 waits a user spends one attempt.

A user who is throttled again although others were answered is throttled alone: that makes no one wait, and each request
spends an attempt. After several such users, the first throttling of a user counts like this too, until throttled users
are answered, or 10 in a row are throttled.

While a `RateLimit`, `RateLimit-*` or `X-RateLimit-*` header announces a quota, the push tasks share what is left of it
until its reset, so that the CRM need not throttle. Values that servers send for "no limit" (a negative number, a limit
of 0, a reset beyond a month or in the past with nothing left) announce nothing. A quota with a reset after the deadline
or more than 10 minutes ahead, such as a day's, is used without a delay; once it is used up, the job waits for its
reset. Waits and quotas in a replayed response do not count.

A pause of more than 5 s is stored at once. The next attempt obeys it, also after a kill, unless the param
`ignore_retry_after` is set for that run.
"""


def page_text() -> str:
    """Return the page as Markdown."""
    return "\n".join(
        [
            _HEAD,
            _table(
                ("evidence", "verdict", "reason"),
                ((rule.evidence, rule.verdict, f"`{_fill(rule.reason)}`") for rule in RULES),
            ),
            _NO_RESPONSE,
            _table(
                ("evidence", "verdict", "reason"),
                ((rule.evidence, rule.verdict, f"`{rule.reason}`") for rule in FAILURE_RULES),
            ),
            _RUN,
            _table(
                ("evidence", "verdict on the run", "cause", "what the operator reads"),
                ((row.evidence, row.verdict, f"`{row.cause}`", _fill(row.sentence)) for row in VERDICTS),
            ),
            _REST,
        ]
    )


def _fill(text: str) -> str:
    """Replace the placeholders of a text with an ellipsis."""
    return re.sub(r"\{[^}]*\}", "…", text)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [tuple(head), *(tuple(row) for row in rows)]
    lines.insert(1, ("---",) * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines).replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page_text(), encoding="utf-8")

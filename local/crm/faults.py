"""Faults on demand: what goes wrong; `switch` decides for which requests.

A fault acts at these points of a request, in this order: `at_the_door` before anything is looked at,
`revoked` in the token check, `rate` beside the CRM's own limit, `before` once the request is known to be valid,
`slots` and `latency_ms` once its key is reserved, `answer_after_ms` once it was applied and its key released,
`after_processing` once it was applied or its answer replayed, `last_touch` on whatever is answered.
"""

import asyncio
import json
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any

from local.crm.answers import Answer, problem


class DroppedError(Exception):
    """The connection is to be reset instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong (first group) and for which requests (second group).

    A text `body` is sent as it is, any other JSON value as JSON. `retry_after` is sent verbatim with every
    answer that is not a success, the rate limit's own included; `retry_after_date` is sent likewise, as the HTTP
    date so many seconds after the answer's own. `rate` is in requests per second, of those that come under the fault.
    """

    status: int | None = None
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] | None = None
    retry_after: int | str | None = None
    retry_after_date: int | None = None
    latency_ms: float = 0
    answer_after_ms: float = 0  # the update is applied, and its answer comes so much later
    slots: int | None = None  # so many updates are worked on at once, the others queue
    rate: float | None = None  # 429 beyond it
    burst: float | None = None  # requests at once within `rate`; None is `rate` itself, as for the CRM's own limit
    drop_before: bool = False
    drop_after: bool = False
    down: bool = False
    revoked: bool = False
    after_applying: bool = False  # the update is applied, and answered with `status` and `body` nevertheless
    stored: bool = False  # the answer is kept under the idempotency key and replayed

    fraction: float = 1.0
    after: int = 0  # so many matching requests pass first
    first: int | None = None  # so many matching requests come under the fault, then no more
    seconds: float | None = None  # it is over for good so long after the first request that it could meet
    for_users: tuple[str, ...] | None = None
    seed: int = 0

    def answers(self) -> bool:
        """Tell whether an answer of its own takes the place of the CRM's."""
        return self.status is not None or self.body is not None

    def answer(self) -> Answer:
        """Return the answer that takes the place of the CRM's."""
        status = 200 if self.status is None else self.status
        headers = dict(self.headers or {})
        if self.body is None:
            found = problem(status, f"injected-{status}", f"This answer is an injected {status}.", headers)
        elif isinstance(self.body, str):
            found = Answer(status, self.body.encode(), "text/plain; charset=utf-8", headers)
        else:
            found = Answer(status, json.dumps(self.body).encode(), headers=headers)
        return replace(found, content_type=self.content_type) if self.content_type else found

    def at_the_door(self) -> Answer | None:
        """503 when the CRM is down."""
        return problem(503, "down", "The CRM is down for maintenance.") if self.down else None

    async def before(self) -> Answer | None:
        """Answer instead of processing, or None to go on; DroppedError resets the connection."""
        instead = self.answers() and not (self.after_applying or self.stored)
        if self.latency_ms and (instead or self.drop_before):
            await asyncio.sleep(self.latency_ms / 1000)
        if self.drop_before:
            raise DroppedError
        return self.answer() if instead else None

    def after_processing(self, answer: Answer) -> Answer:
        """Return the last word on a processed request; DroppedError resets the connection."""
        if self.drop_after:
            raise DroppedError
        return self.answer() if self.answers() and self.after_applying else answer

    def last_touch(self, answer: Answer) -> Answer:
        """Put the declared Retry-After on an answer that is not a success."""
        if answer.status < 300 or (self.retry_after is None and self.retry_after_date is None):
            return answer
        if self.retry_after_date is None:
            return replace(answer, headers={**answer.headers, "Retry-After": str(self.retry_after)})
        now = int(time.time())
        # The answer's own date is sent with it: the server would take the time again, perhaps a second later.
        dates = {"Date": _http_date(now), "Retry-After": _http_date(now + self.retry_after_date)}
        return replace(answer, headers={**answer.headers, **dates})


def _http_date(moment: float) -> str:
    return formatdate(moment, usegmt=True)


NO_FAULT = Fault()

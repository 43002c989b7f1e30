"""Faults on demand: what goes wrong, for which requests, decided alike for the same seed.

A fault acts at these points of a request, in this order: `at_the_door` before anything is looked at,
`revoked` in the token check, `before` once the request is known to be valid, `after_processing` once it was
applied or its answer replayed, `last_touch` on whatever is answered.
"""

import asyncio
import json
import random
from dataclasses import asdict, dataclass, replace
from typing import Any

from local.crm.answers import Answer, problem


class DroppedError(Exception):
    """The connection is to be reset instead of answering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong (first group) and for which requests (second group).

    A text `body` is sent as it is, any other JSON value as JSON. `retry_after` is sent verbatim with every
    answer that is not a success, the rate limit's own included.
    """

    status: int | None = None
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] | None = None
    retry_after: int | str | None = None
    latency_ms: float = 0
    drop_before: bool = False
    drop_after: bool = False
    down: bool = False
    revoked: bool = False
    after_applying: bool = False  # the update is applied, and answered with `status` and `body` nevertheless
    stored: bool = False  # the answer is kept under the idempotency key and replayed

    fraction: float = 1.0
    after: int = 0  # so many matching requests pass first
    first: int | None = None  # so many matching requests come under the fault, then no more
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
        if self.retry_after is None or answer.status < 300:
            return answer
        return replace(answer, headers={**answer.headers, "Retry-After": str(self.retry_after)})


NO_FAULT = Fault()


class Faults:
    """The fault that is switched on, if any, and how many requests it has met."""

    def __init__(self, fault: Fault = NO_FAULT) -> None:
        self.switch(fault)

    def switch(self, fault: Fault) -> None:
        """Switch a fault on; NO_FAULT switches off. Counts and the random sequence start again."""
        self._fault = fault
        self._users = None if fault.for_users is None else frozenset(fault.for_users)
        self._random = random.Random(fault.seed)  # noqa: S311 (a repeatable choice, not a secret)
        self._matched = 0
        self._hit = 0

    def pick(self, user_id: str | None) -> Fault:
        """Return the fault that this request comes under, or NO_FAULT."""
        fault = self._fault
        if fault is NO_FAULT or (self._users is not None and user_id not in self._users):
            return NO_FAULT
        self._matched += 1
        place = self._matched - fault.after
        if place < 1 or (fault.first is not None and place > fault.first):
            return NO_FAULT
        if fault.fraction < 1 and self._random.random() >= fault.fraction:
            return NO_FAULT
        self._hit += 1
        return fault

    def closed(self) -> Answer | None:
        """503 when the CRM is down for everybody, and so for a request that updates nobody too."""
        fault = self._fault
        over = fault.first is not None and self._matched >= fault.after + fault.first
        if self._users is not None or fault.fraction < 1 or self._matched < fault.after or over:
            return None
        answer = fault.at_the_door()
        return answer and fault.last_touch(answer)

    def as_json(self) -> dict[str, Any]:
        """Return the fault with its counts: requests it could have met, requests it met."""
        fault = None if self._fault is NO_FAULT else asdict(self._fault)
        return {"faults": fault, "matched": self._matched, "hit": self._hit}

"""The fault that is switched on: which requests come under it, decided alike for the same seed, and what it does.

A fault acts at these points of a request, in this order: `down` before anything is looked at, `revoked` in the token
check, `rate` next to the CRM's own limit, `before` once the request is known to be valid, `slots` and `latency_ms`
once its key is reserved, `answer_after_ms` once it was applied and its key released, `after_processing` once it was
applied or its answer replayed, `last_touch` on whatever is answered.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from email.utils import formatdate
from typing import Any

from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.responses import FakeResponse, problem
from local.fake_crm.token_bucket import TokenBucket


class DroppedError(Exception):
    """The connection is to be reset instead of answering."""


class FaultInjector:
    """The fault that is switched on, if any, what it keeps between requests, and how many it has met.

    `bucket` and `slots` are for requests that `pick` has put under the fault, and for no others.
    """

    def __init__(self, fault: Fault = NO_FAULT, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.switch(fault)

    def switch(self, fault: Fault) -> None:
        """Switch a fault on; NO_FAULT switches off. Counts, time and the random sequence start again."""
        self._fault = fault
        self._users = None if fault.for_users is None else frozenset(fault.for_users)
        self._random = random.Random(fault.seed)  # noqa: S311 (a repeatable choice, not a secret)
        self._matched = 0
        self._hit = 0
        self._since: float | None = None
        self.bucket = None if fault.rate is None else TokenBucket(fault.rate, fault.burst, self._clock)
        # A request that queues for the slots of an earlier fault keeps queueing for those.
        self.slots = None if fault.slots is None else asyncio.Semaphore(fault.slots)

    def pick(self, user_id: str | None) -> Fault:
        """Return the fault that this request comes under, or NO_FAULT."""
        fault = self._fault
        if fault is NO_FAULT or (self._users is not None and user_id not in self._users):
            return NO_FAULT
        self._matched += 1
        place = self._matched - fault.after
        if place < 1 or (fault.first is not None and place > fault.first) or self._time_is_up():
            return NO_FAULT
        if fault.fraction < 1 and self._random.random() >= fault.fraction:
            return NO_FAULT
        self._hit += 1
        return fault

    def closed(self) -> FakeResponse | None:
        """503 when the CRM is down for everyone, and so for a request that updates no user too.

        Such a request starts the time of a fault that lasts `seconds`: a client that polls until the outage is over
        would wait for ever otherwise.
        """
        fault = self._fault
        if not fault.down or self._users is not None or fault.fraction < 1 or self._matched < fault.after:
            return None
        if (fault.first is not None and self._matched >= fault.after + fault.first) or self._time_is_up():
            return None
        return last_touch(fault, down())

    def as_json(self) -> dict[str, Any]:
        """Return the fault with its counts: requests it could have met, requests it met."""
        fault = None if self._fault is NO_FAULT else asdict(self._fault)
        return {"faults": fault, "matched": self._matched, "hit": self._hit}

    def _time_is_up(self) -> bool:
        # Called only for a request that the fault could meet: the first of them starts the time.
        if self._fault.seconds is None:
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since >= self._fault.seconds


def down() -> FakeResponse:
    """503: nothing is looked at."""
    return problem(503, "down", "The CRM is down for maintenance.")


async def before(fault: Fault) -> FakeResponse | None:
    """Answer instead of processing, or None to go on; DroppedError resets the connection."""
    instead = has_answer(fault) and not (fault.after_applying or fault.stored)
    if fault.latency_ms and (instead or fault.drop_before):
        await asyncio.sleep(fault.latency_ms / 1000)
    if fault.drop_before:
        raise DroppedError
    return own_answer(fault) if instead else None


def after_processing(fault: Fault, answer: FakeResponse) -> FakeResponse:
    """Return the last word on a processed request; DroppedError resets the connection."""
    if fault.drop_after:
        raise DroppedError
    return own_answer(fault) if has_answer(fault) and fault.after_applying else answer


def last_touch(fault: Fault, answer: FakeResponse) -> FakeResponse:
    """Put the declared Retry-After on an answer that is not a success."""
    if answer.status < 300 or (fault.retry_after is None and fault.retry_after_date is None):
        return answer
    if fault.retry_after_date is None:
        return replace(answer, headers={**answer.headers, "Retry-After": str(fault.retry_after)})
    now = int(time.time())
    # The answer's own date is sent with it: the server would take the time again, perhaps a second later.
    later = formatdate(now + fault.retry_after_date, usegmt=True)
    return replace(answer, headers={**answer.headers, "Date": formatdate(now, usegmt=True), "Retry-After": later})


def has_answer(fault: Fault) -> bool:
    """Whether an answer of the fault's own takes the place of the CRM's."""
    return fault.status is not None or fault.body is not None


def own_answer(fault: Fault) -> FakeResponse:
    """Return the answer that takes the place of the CRM's."""
    status = 200 if fault.status is None else fault.status
    headers = dict(fault.headers or {})
    if fault.body is None:
        answer = problem(status, f"injected-{status}", f"This answer is an injected {status}.", headers)
    elif isinstance(fault.body, str):
        answer = FakeResponse(status, fault.body.encode(), "text/plain; charset=utf-8", headers)
    else:
        answer = FakeResponse(status, json.dumps(fault.body).encode(), headers=headers)
    return replace(answer, content_type=fault.content_type) if fault.content_type else answer

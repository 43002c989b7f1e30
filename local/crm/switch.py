"""The fault that is switched on: which requests come under it, decided alike for the same seed."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from local.crm.answers import Answer
from local.crm.faults import NO_FAULT, Fault
from local.crm.pace import TokenBucket


class Faults:
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
        # Who queues for the slots of an earlier fault keeps queueing for those.
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

    def closed(self) -> Answer | None:
        """503 when the CRM is down for everybody, and so for a request that updates nobody too.

        Such a request starts the time of a fault that lasts `seconds`: who waits for the end of an outage by asking
        would wait for ever otherwise.
        """
        fault = self._fault
        if not fault.down or self._users is not None or fault.fraction < 1 or self._matched < fault.after:
            return None
        if (fault.first is not None and self._matched >= fault.after + fault.first) or self._time_is_up():
            return None
        answer = fault.at_the_door()
        return answer and fault.last_touch(answer)

    def as_json(self) -> dict[str, Any]:
        """Return the fault with its counts: requests it could have met, requests it met."""
        fault = None if self._fault is NO_FAULT else asdict(self._fault)
        return {"faults": fault, "matched": self._matched, "hit": self._hit}

    def _time_is_up(self) -> bool:
        # Asked only about a request that the fault could meet: the first of them starts the time.
        if self._fault.seconds is None:
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        return now - self._since >= self._fault.seconds

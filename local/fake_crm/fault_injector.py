"""Injection of the fault that is switched on. The same seed picks the same requests.

A fault acts in this order: `down` before any check, `revoked` in the token check, `rate` and `quota` together with the
CRM's rate limit, `before_processing` and `raw_answer` after all checks, `slots` and `latency_ms` while the idempotency
key is reserved, `answer_after_ms` when the update is applied and the key is released, `after_processing` when the
update is applied or its response replayed, and `finish` on every response.
"""

import asyncio
import json
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, NoReturn

from aiohttp import web

from local.fake_crm.behaviors.answer_table import ANSWERS
from local.fake_crm.behaviors.quota import Quota
from local.fake_crm.behaviors.raw_answer import RawAnswer, render
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.responses import FakeResponse, problem
from local.fake_crm.token_bucket import TokenBucket

_DISCONNECT_POLL_SECONDS = 0.05


class DroppedError(Exception):
    """Raised to reset the connection instead of responding."""


class FaultInjector:
    """The current fault, its state between requests, and how many requests it has hit.

    `bucket`, `quota` and `slots` apply only to requests for which `pick` has returned the fault.
    """

    def __init__(self, fault: Fault = NO_FAULT, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.switch(fault)

    def switch(self, fault: Fault) -> None:
        """Switch a fault on, or off with NO_FAULT. Resets counts, time and the random sequence."""
        self._fault = fault
        self._users = None if fault.for_users is None else frozenset(fault.for_users)
        self._random = random.Random(fault.seed)  # noqa: S311 (a repeatable sequence, not a secret)
        self._matched = 0
        self._hit = 0
        self._turn = 0
        self._started_at: float | None = None
        self.bucket = None if fault.rate is None else TokenBucket(fault.rate, fault.burst, self._clock)
        self.quota = None if fault.quota is None else Quota(fault.quota, fault.quota_seconds, fault.quota_headers)
        # Requests that wait for a slot of the previous fault keep waiting for it.
        self.slots = None if fault.slots is None else asyncio.Semaphore(fault.slots)

    def pick(self, user_id: str | None) -> Fault:
        """Return the fault if it applies to this request, otherwise NO_FAULT.

        :param user_id: the user that the request names, if any
        """
        fault = self._fault
        if fault is NO_FAULT or not self._is_of_user(user_id):
            return NO_FAULT
        self._matched += 1
        position = self._matched - fault.after
        if position < 1 or (fault.first is not None and position > fault.first) or self._is_over():
            return NO_FAULT
        if fault.fraction < 1 and self._random.random() >= fault.fraction:
            return NO_FAULT
        self._hit += 1
        return fault

    def outage_response(self) -> FakeResponse | None:
        """Return 503 if the CRM is down for all requests, including those that update no user, otherwise None.

        Such a request starts the time of a fault that lasts `seconds`. Otherwise a client that polls until the end of
        the outage would wait forever.
        """
        fault = self._fault
        if (
            not fault.down
            or self._users is not None
            or fault.every_user > 1
            or fault.fraction < 1
            or self._matched < fault.after
        ):
            return None
        if (fault.first is not None and self._matched >= fault.after + fault.first) or self._is_over():
            return None
        return add_retry_after(fault, down())

    def as_json(self) -> dict[str, Any]:
        """Return the fault, the number of requests that matched it, and the number that it hit."""
        fault = None if self._fault is NO_FAULT else asdict(self._fault)
        return {"faults": fault, "matched": self._matched, "hit": self._hit}

    def finish(self, fault: Fault, response: FakeResponse | RawAnswer) -> FakeResponse | RawAnswer:
        """Return the response as it is sent: with Retry-After, the announced quota and the planned end."""
        if isinstance(response, RawAnswer):
            return response
        response = add_retry_after(fault, response)
        if self.quota is not None:
            response = replace(response, headers={**response.headers, **self.quota.headers()})
        return response if fault.close_after_ms is None else render(response, fault.close_after_ms)

    def raw_answer(self, fault: Fault) -> RawAnswer | None:
        """Return the answer whose turn it is, if the fault answers byte by byte."""
        if fault.answers is None:
            return None
        self._turn += 1
        return ANSWERS[fault.answers[(self._turn - 1) % len(fault.answers)]]

    def _is_of_user(self, user_id: str | None) -> bool:
        if self._users is not None and user_id not in self._users:
            return False
        every = self._fault.every_user
        return every == 1 or (user_id is not None and zlib.crc32(user_id.encode(errors="replace")) % every == 0)

    def _is_over(self) -> bool:
        # The first request that matches starts the time.
        if self._fault.seconds is None:
            return False
        now = self._clock()
        if self._started_at is None:
            self._started_at = now
        return now - self._started_at >= self._fault.seconds


def down() -> FakeResponse:
    """Return 503 for an outage."""
    return problem(503, "down", "The CRM is down for maintenance.")


async def before_processing(fault: Fault) -> FakeResponse | None:
    """Return the response that takes the place of processing, or None to process the request.

    :raises DroppedError: to reset the connection
    """
    is_replaced = has_response(fault) and not (fault.after_applying or fault.stored)
    if fault.latency_ms and (is_replaced or fault.drop_before):
        await asyncio.sleep(fault.latency_ms / 1000)
    if fault.drop_before:
        raise DroppedError
    return injected_response(fault) if is_replaced else None


async def never_answer(request: web.BaseRequest) -> NoReturn:
    """Wait until the client has disconnected.

    :raises DroppedError: when it has
    """
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 (there is no event)
        await asyncio.sleep(_DISCONNECT_POLL_SECONDS)
    raise DroppedError


def after_processing(fault: Fault, response: FakeResponse) -> FakeResponse:
    """Return the response to a processed request.

    :param response: the response of the CRM
    :raises DroppedError: to reset the connection
    """
    if fault.drop_after:
        raise DroppedError
    return injected_response(fault) if has_response(fault) and fault.after_applying else response


def add_retry_after(fault: Fault, response: FakeResponse) -> FakeResponse:
    """Return the response with the Retry-After of the fault, unless it is a success."""
    if response.status < 300 or (fault.retry_after is None and fault.retry_after_date is None):
        return response
    if fault.retry_after_date is None:
        return replace(response, headers={**response.headers, "Retry-After": str(fault.retry_after)})
    now = int(time.time())
    until = now + fault.retry_after_date
    forms = {
        "http": formatdate(until, usegmt=True),
        "epoch": str(until),
        "iso": datetime.fromtimestamp(until, UTC).isoformat(),
    }
    # Set Date as well: the server would read the clock again, perhaps a second later.
    dates = {"Date": formatdate(now, usegmt=True), "Retry-After": forms[fault.retry_after_form]}
    return replace(response, headers={**response.headers, **dates})


def has_response(fault: Fault) -> bool:
    """Whether the fault replaces the response of the CRM."""
    return fault.status is not None or fault.body is not None


def injected_response(fault: Fault) -> FakeResponse:
    """Return the response of the fault."""
    status = 200 if fault.status is None else fault.status
    headers = dict(fault.headers or {})
    if fault.body is None:
        response = problem(status, f"injected-{status}", f"Injected fault {status}.", headers)
    elif isinstance(fault.body, str):
        response = FakeResponse(status, fault.body.encode(), "text/plain; charset=utf-8", headers)
    else:
        response = FakeResponse(status, json.dumps(fault.body).encode(), headers=headers)
    return replace(response, content_type=fault.content_type) if fault.content_type else response

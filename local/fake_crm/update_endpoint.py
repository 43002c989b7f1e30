"""The endpoints that set the engagement score of one user.

An endpoint checks the credentials, rate limit, size, content type, other headers, JSON and fields, in this order. Then
the key decides whether the update is applied or an earlier response is replayed. A request that names its user is
counted for this user even if it is refused.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass

from aiohttp import web

from local.fake_crm import fault_injector, request_checks
from local.fake_crm.access.credentials import check_credentials
from local.fake_crm.apis.api import KEY_HEADER, Api, ParsedBody
from local.fake_crm.behaviors.answer_table import ANSWERS
from local.fake_crm.behaviors.quota import Quota
from local.fake_crm.behaviors.raw_answer import RawAnswer, reset_connection
from local.fake_crm.fault_injector import DroppedError
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, not_allowed, problem
from local.fake_crm.service import FakeCrm
from local.fake_crm.token_bucket import TokenBucket

Answer = FakeResponse | RawAnswer


@dataclass(frozen=True, slots=True)
class _Update:
    """A request to set a score; `parsed` is the body, or the response to a body that is not a JSON object."""

    request: web.BaseRequest
    api: Api
    user_in_path: str | None
    parsed: ParsedBody
    key: str | None


async def update_score(
    crm: FakeCrm, request: web.BaseRequest, api: Api, user_in_path: str | None
) -> web.StreamResponse:
    """Handle a request to an endpoint that sets a score."""
    if request.method != api.method:
        crm.traffic.other_methods += 1
        return (crm.faults.outage_response() or not_allowed(request.method, api.path, api.method)).to_aiohttp()
    arrived_at = crm.traffic.arrive()
    response: Answer | None = None
    body, user_id = b"", user_in_path
    try:
        body, refusal = await _read_body(request)
        parsed = refusal or request_checks.parse_body(body)
        user_id = user_in_path if user_in_path is not None else request_checks.user_of(parsed)
        update = _Update(request, api, user_in_path, parsed, api.key_of(request, parsed))
        if user_id is not None:
            crm.scores.count_request(user_id)
        if update.key:
            crm.idempotency_keys.count_request(update.key)
        fault = crm.faults.pick(user_id)
        response = await _respond(crm, update, fault)
        if fault is not NO_FAULT:
            response = crm.faults.finish(fault, response)
    except DroppedError:
        reset_connection(request)
    finally:
        # In `finally`, so that a request is counted even if the client has disconnected.
        _log_request(crm, request, arrived_at, body, user_id, response)
    return web.Response() if response is None else response.to_aiohttp()


def _log_request(
    crm: FakeCrm,
    request: web.BaseRequest,
    arrived_at: float,
    body: bytes,
    user_id: str | None,
    response: Answer | None,
) -> None:
    status = None if response is None else response.status
    replayed = response is not None and "Idempotent-Replayed" in response.headers
    crm.traffic.leave(status, replayed)
    # Log the scheme of the Authorization header, never the token. A header of one word may be a token.
    scheme, space, _ = request.headers.get("Authorization", "").partition(" ")
    crm.request_log.add(
        user_id,
        at=round(arrived_at, 3),
        status=status,
        method=request.method,
        path=request.raw_path,
        idempotency_key=request.headers.get(KEY_HEADER),
        content_type=request.headers.get("Content-Type"),
        user_agent=request.headers.get("User-Agent"),
        authorization_scheme=scheme if space else None,
        body=body.decode(errors="replace"),
        answer=None if response is None else response.body.decode(errors="replace"),
        replayed=replayed,
    )


async def _respond(crm: FakeCrm, update: _Update, fault: Fault) -> Answer:
    refusal = _check_request(crm, update, fault)
    if refusal is not None:
        return refusal
    if isinstance(update.parsed, FakeResponse):
        return update.parsed
    payload = update.api.check_body(update.user_in_path, update.parsed)
    if isinstance(payload, FakeResponse):
        return payload
    if fault is NO_FAULT:
        return await _process(crm, update, payload, fault)
    return await _process_with_fault(crm, update, payload, fault)


async def _process_with_fault(crm: FakeCrm, update: _Update, payload: Payload, fault: Fault) -> Answer:
    if fault.silent and not fault.after_applying:
        await fault_injector.never_answer(update.request)
    raw = crm.faults.raw_answer(fault)
    if raw is not None and not raw.applied:
        return raw
    replacement = await fault_injector.before_processing(fault)
    if replacement is not None:
        return replacement
    response = fault_injector.after_processing(fault, await _process(crm, update, payload, fault))
    if fault.silent:
        await fault_injector.never_answer(update.request)
    return response if raw is None or response.status >= 300 else raw


def _check_request(crm: FakeCrm, update: _Update, fault: Fault) -> Answer | None:
    """Return the response to the first failed check of everything but JSON and fields, or None."""
    if fault.down:
        return fault_injector.down()
    if fault.revoked:
        return request_checks.invalid_token("this token was revoked")
    parsed, headers = update.parsed, update.request.headers
    too_large = parsed if isinstance(parsed, FakeResponse) and parsed.status == 413 else None
    return (
        check_credentials(crm, headers)
        or _check_rate(crm.bucket)
        or (None if fault is NO_FAULT else _check_fault_limits(crm, fault))
        or too_large
        or request_checks.check_content_type(headers.get("Content-Type"))
        or update.api.check_headers(update.request)
    )


async def _process(crm: FakeCrm, update: _Update, payload: Payload, fault: Fault) -> FakeResponse:
    """Apply the update and return its response, or return the stored response of its key."""
    api, key = update.api, update.key
    stored = crm.idempotency_keys.begin(key, payload, api.repeat(payload)) if key is not None else None
    if stored is not None:
        return stored
    try:
        await _simulate_work(crm, fault)
        if fault.stored and fault_injector.has_response(fault):
            response = fault_injector.injected_response(fault)
            if key is not None:
                crm.idempotency_keys.store(key, payload, response)
        else:
            response = api.applied(payload, not crm.scores.has_score(payload.user_id))
            crm.scores.apply(payload.user_id, payload.score)
            if key is not None:
                crm.idempotency_keys.mark_applied(key, payload)
    finally:
        if key is not None:
            crm.idempotency_keys.release(key)
    # The key is released: a repeated request in the meantime gets the stored response at once.
    if fault.answer_after_ms:
        await asyncio.sleep(fault.answer_after_ms / 1000)
    return response


async def _simulate_work(crm: FakeCrm, fault: Fault) -> None:
    seconds = crm.latency() + fault.latency_ms / 1000
    slots = crm.faults.slots if fault is not NO_FAULT else None
    if seconds or slots:
        async with slots or nullcontext():
            await asyncio.sleep(seconds)


async def _read_body(request: web.BaseRequest) -> tuple[bytes, FakeResponse | None]:
    """Return the body and None, or the response 413 as second value if the body is too large."""
    if (request.content_length or 0) > request_checks.MAX_BODY_BYTES:
        return b"", request_checks.too_large(request.content_length or 0)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        return b"", request_checks.too_large(int(getattr(error, "actual_size", 0)))
    if len(body) > request_checks.MAX_BODY_BYTES:
        return body, request_checks.too_large(len(body))
    return body, None


def _check_rate(limit: TokenBucket | Quota | None) -> FakeResponse | None:
    wait = 0 if limit is None else limit.take()
    if not wait:
        return None
    return problem(429, "rate-limited", "Too many requests.", {"Retry-After": str(wait)})


def _check_fault_limits(crm: FakeCrm, fault: Fault) -> Answer | None:
    refusal = _check_rate(crm.faults.bucket) or _check_rate(crm.faults.quota)
    return refusal if refusal is None or fault.over_limit is None else ANSWERS[fault.over_limit]

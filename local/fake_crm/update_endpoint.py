"""POST /api/v1/update-score: set the engagement score of one user.

Checked in this order: token, rate limit, size, content type, key, JSON, fields; then the key decides whether
the update is applied or an earlier answer is replayed. A request that names its user is counted for that user
even when it is refused.
"""

import asyncio
import json
import socket
import struct
from contextlib import nullcontext
from typing import Any

from aiohttp import web

from local.fake_crm import fault_injector, request_checks
from local.fake_crm.fault_injector import DroppedError
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, not_allowed, problem
from local.fake_crm.service import FakeCrm
from local.fake_crm.token_bucket import TokenBucket

PATH = "/api/v1/update-score"


async def update_score(crm: FakeCrm, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request to the update endpoint."""
    if request.method != "POST":
        crm.traffic.not_post += 1
        return (crm.faults.closed() or not_allowed(request.method, PATH, "POST")).response()
    at = crm.traffic.arrive()
    answer: FakeResponse | None = None
    body, user_id = b"", None
    key = request.headers.get("Idempotency-Key")
    try:
        body, refusal = await _body(request)
        parsed = refusal or request_checks.parse(body)
        user_id = request_checks.named_user(parsed)
        if user_id is not None:
            crm.scores.seen(user_id)
        if key:
            crm.keys.seen(key)
        fault = crm.faults.pick(user_id)
        answer = await _decide(crm, request, parsed, key, fault)
        if fault is not NO_FAULT:
            answer = fault_injector.last_touch(fault, answer)
    except DroppedError:
        _reset_connection(request)
    finally:
        # Also when the client has gone meanwhile: what was received is counted.
        replayed = answer is not None and "Idempotent-Replayed" in answer.headers
        crm.traffic.leave(answer.status if answer else None, replayed)
        # Never the token itself: of the Authorization header only the scheme is kept, and one word may be a token.
        scheme, space, _ = request.headers.get("Authorization", "").partition(" ")
        crm.log.add(
            user_id,
            at=round(at, 3),
            status=answer.status if answer else None,
            idempotency_key=key,
            content_type=request.headers.get("Content-Type"),
            user_agent=request.headers.get("User-Agent"),
            authorization_scheme=scheme if space else None,
            body=body.decode(errors="replace"),
            answer=answer.body.decode(errors="replace") if answer else None,
            replayed=replayed,
        )
    return web.Response() if answer is None else answer.response()


async def _decide(
    crm: FakeCrm, request: web.BaseRequest, parsed: dict[str, Any] | FakeResponse, key: str | None, fault: Fault
) -> FakeResponse:
    headers = request.headers
    refusal = (
        (fault_injector.down() if fault.down else None)
        or (request_checks.unauthorized("this token was revoked") if fault.revoked else None)
        or request_checks.check_token(headers.get("Authorization"), crm.token)
        or _rate_limit(crm.bucket)
        or (None if fault is NO_FAULT else _rate_limit(crm.faults.bucket))
        or (parsed if isinstance(parsed, FakeResponse) and parsed.status == 413 else None)
        or request_checks.check_content_type(headers.get("Content-Type"))
        or request_checks.check_key(key)
    )
    if refusal is not None:
        return refusal
    if isinstance(parsed, FakeResponse):
        return parsed
    payload = request_checks.check_payload(parsed)
    if isinstance(payload, FakeResponse):
        return payload
    if fault is NO_FAULT:
        return await _process(crm, key, payload, fault)
    instead = await fault_injector.before(fault)
    return instead or fault_injector.after_processing(fault, await _process(crm, key, payload, fault))


async def _process(crm: FakeCrm, key: str | None, payload: Payload, fault: Fault) -> FakeResponse:
    """Apply the update and return its answer, or return the one that its key already has."""
    # Put together by hand: encoding a dict costs ten times what encoding a string does.
    answer = FakeResponse(200, f'{{"status":"updated","user_id":{json.dumps(payload.user_id)}}}'.encode())
    known = crm.keys.begin(key, payload, answer) if key is not None else None
    if known is not None:
        return known
    try:
        await _work(crm, fault)
        if fault.stored and fault_injector.has_answer(fault):
            answer = fault_injector.own_answer(fault)
            if key is not None:
                crm.keys.store(key, payload, answer)
        else:
            crm.scores.apply(payload.user_id, payload.score)
            if key is not None:
                crm.keys.applied(key, payload)
    finally:
        if key is not None:
            crm.keys.end(key)
    # The key is free again: a repeat that comes meanwhile is replayed at once.
    if fault.answer_after_ms:
        await asyncio.sleep(fault.answer_after_ms / 1000)
    return answer


async def _work(crm: FakeCrm, fault: Fault) -> None:
    seconds = crm.latency() + fault.latency_ms / 1000
    slots = crm.faults.slots if fault is not NO_FAULT else None
    if seconds or slots:
        async with slots or nullcontext():
            await asyncio.sleep(seconds)


async def _body(request: web.BaseRequest) -> tuple[bytes, FakeResponse | None]:
    if (request.content_length or 0) > request_checks.MAX_BODY_BYTES:
        return b"", request_checks.too_large(request.content_length or 0)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        return b"", request_checks.too_large(int(getattr(error, "actual_size", 0)))
    return body, request_checks.too_large(len(body)) if len(body) > request_checks.MAX_BODY_BYTES else None


def _rate_limit(bucket: TokenBucket | None) -> FakeResponse | None:
    wait = 0 if bucket is None else bucket.take()
    return problem(429, "rate-limited", "Too many requests.", {"Retry-After": str(wait)}) if wait else None


def _reset_connection(request: web.BaseRequest) -> None:
    if request.transport is not None:
        # Zero linger turns the close into a reset: the client sees a broken connection, not an orderly end.
        linger = struct.pack("ii", 1, 0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.close()

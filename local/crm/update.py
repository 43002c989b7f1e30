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

from local.crm import checks, fault_injector
from local.crm.checks import Payload
from local.crm.fault_injector import DroppedError
from local.crm.faults import NO_FAULT, Fault
from local.crm.responses import Answer, not_allowed, problem
from local.crm.service import Crm
from local.crm.token_bucket import TokenBucket

PATH = "/api/v1/update-score"


async def update_score(crm: Crm, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request to the update endpoint."""
    if request.method != "POST":
        crm.traffic.not_post += 1
        return (crm.faults.closed() or not_allowed(request.method, PATH, "POST")).response()
    at = crm.traffic.arrive()
    answer: Answer | None = None
    body, user_id = b"", None
    key = request.headers.get("Idempotency-Key")
    try:
        body, refusal = await _body(request)
        parsed = refusal or checks.parse(body)
        user_id = checks.named_user(parsed)
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
    crm: Crm, request: web.BaseRequest, parsed: dict[str, Any] | Answer, key: str | None, fault: Fault
) -> Answer:
    headers = request.headers
    refusal = (
        (fault_injector.down() if fault.down else None)
        or (checks.unauthorized("this token was revoked") if fault.revoked else None)
        or checks.check_token(headers.get("Authorization"), crm.token)
        or _rate_limit(crm.bucket)
        or (None if fault is NO_FAULT else _rate_limit(crm.faults.bucket))
        or (parsed if isinstance(parsed, Answer) and parsed.status == 413 else None)
        or checks.check_content_type(headers.get("Content-Type"))
        or checks.check_key(key)
    )
    if refusal is not None:
        return refusal
    if isinstance(parsed, Answer):
        return parsed
    payload = checks.check_payload(parsed)
    if isinstance(payload, Answer):
        return payload
    if fault is NO_FAULT:
        return await _process(crm, key, payload, fault)
    instead = await fault_injector.before(fault)
    return instead or fault_injector.after_processing(fault, await _process(crm, key, payload, fault))


async def _process(crm: Crm, key: str | None, payload: Payload, fault: Fault) -> Answer:
    """Apply the update and return its answer, or return the one that its key already has."""
    # Put together by hand: encoding a dict costs ten times what encoding a string does.
    answer = Answer(200, f'{{"status":"updated","user_id":{json.dumps(payload.user_id)}}}'.encode())
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


async def _work(crm: Crm, fault: Fault) -> None:
    seconds = crm.latency() + fault.latency_ms / 1000
    slots = crm.faults.slots if fault is not NO_FAULT else None
    if seconds or slots:
        async with slots or nullcontext():
            await asyncio.sleep(seconds)


async def _body(request: web.BaseRequest) -> tuple[bytes, Answer | None]:
    if (request.content_length or 0) > checks.MAX_BODY_BYTES:
        return b"", checks.too_large(request.content_length or 0)
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        return b"", checks.too_large(int(getattr(error, "actual_size", 0)))
    return body, checks.too_large(len(body)) if len(body) > checks.MAX_BODY_BYTES else None


def _rate_limit(bucket: TokenBucket | None) -> Answer | None:
    wait = 0 if bucket is None else bucket.take()
    return problem(429, "rate-limited", "Too many requests.", {"Retry-After": str(wait)}) if wait else None


def _reset_connection(request: web.BaseRequest) -> None:
    if request.transport is not None:
        # Zero linger turns the close into a reset: the client sees a broken connection, not an orderly end.
        linger = struct.pack("ii", 1, 0)
        request.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        request.transport.close()

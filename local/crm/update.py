"""POST /api/v1/update-score: set the engagement score of one user.

Checked in this order: token, rate limit, size, content type, key, JSON, fields; then the key decides whether
the update is applied or an earlier answer is replayed. A request that names its user is counted for that user
even when it is refused.
"""

import socket
import struct
from typing import Any

from aiohttp import web

from local.crm import checks
from local.crm.answers import Answer, not_allowed, problem
from local.crm.faults import NO_FAULT, DroppedError, Fault
from local.crm.pace import TokenBucket
from local.crm.processing import process
from local.crm.service import Crm

PATH = "/api/v1/update-score"


async def update_score(crm: Crm, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request to the update endpoint."""
    if request.method != "POST":
        crm.traffic.not_post += 1
        return (crm.faults.closed() or not_allowed(request.method, PATH, "POST")).response()
    at = crm.traffic.arrive()
    answer: Answer | None = None
    body, user_id = b"", None
    fault = NO_FAULT
    key = request.headers.get("Idempotency-Key")
    try:
        body, refusal = await _body(request)
        parsed = refusal or checks.parse(body)
        user_id = checks.named_user(parsed)
        if user_id is not None:
            crm.book.seen(user_id)
        if key:
            crm.keys.seen(key)
        fault = crm.faults.pick(user_id)
        answer = fault.last_touch(await _decide(crm, request, parsed, key, fault))
    except DroppedError:
        _reset_connection(request)
    finally:
        # Also when the client has gone meanwhile: what was received is counted.
        replayed = answer is not None and "Idempotent-Replayed" in answer.headers
        crm.traffic.leave(answer.status if answer else None, replayed)
        _note(crm, request, at, user_id, key, body, answer, replayed)
    return web.Response() if answer is None else answer.response()


async def _decide(
    crm: Crm, request: web.BaseRequest, parsed: dict[str, Any] | Answer, key: str | None, fault: Fault
) -> Answer:
    headers = request.headers
    refusal = (
        fault.at_the_door()
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
    instead = None if fault is NO_FAULT else await fault.before()
    return instead or fault.after_processing(await process(crm, key, payload, fault))


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
    if not wait:
        return None
    return problem(429, "rate-limited", "Too many requests.", {"Retry-After": str(wait)})


def _reset_connection(request: web.BaseRequest) -> None:
    transport = request.transport
    if transport is None:
        return
    # Zero linger turns the close into a reset: the client sees a broken connection, not an orderly end.
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.close()


def _note(
    crm: Crm,
    request: web.BaseRequest,
    at: float,
    user_id: str | None,
    key: str | None,
    body: bytes,
    answer: Answer | None,
    replayed: bool,
) -> None:
    headers = request.headers
    # Never the token itself: of the Authorization header only the scheme is kept, and one word alone may be a token.
    scheme, space, _ = headers.get("Authorization", "").partition(" ")
    crm.log.add(
        user_id,
        round(at, 3),
        answer.status if answer else None,
        key,
        headers.get("Content-Type"),
        headers.get("User-Agent"),
        scheme if space else None,
        body.decode(errors="replace"),
        answer.body.decode(errors="replace") if answer else None,
        replayed,
    )

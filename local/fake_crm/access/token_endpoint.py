"""POST /oauth/token, with the faults of `/_crm/token-faults`.

The members of a fault mean the same as at the update endpoint, counted over the requests to this endpoint, but for one:
`revoked` issues a token that is refused at a random time in the first half of its lifetime.
"""

import asyncio
from urllib.parse import parse_qsl

from aiohttp import web

from local.fake_crm import fault_injector
from local.fake_crm.access.oauth import PATH, AccessTokens
from local.fake_crm.behaviors.raw_answer import reset_connection
from local.fake_crm.fault_injector import DroppedError
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.responses import FakeResponse, not_allowed, not_found
from local.fake_crm.service import FakeCrm


async def issue_token(crm: FakeCrm, request: web.BaseRequest) -> web.StreamResponse:
    """Handle a request to the token endpoint."""
    tokens = crm.access_tokens
    if tokens is None:
        return not_found(request.path).to_aiohttp()
    if request.method != "POST":
        return not_allowed(request.method, PATH, "POST").to_aiohttp()
    tokens.count_request()
    body = await request.read()
    fault = crm.token_faults.pick(None)
    try:
        response = await _respond(tokens, request, body, fault)
    except DroppedError:
        reset_connection(request)
        return web.Response()
    return fault_injector.add_retry_after(fault, response).to_aiohttp()


async def _respond(tokens: AccessTokens, request: web.BaseRequest, body: bytes, fault: Fault) -> FakeResponse:
    if fault is not NO_FAULT:
        if fault.down:
            return fault_injector.down()
        replacement = await fault_injector.before_processing(fault)
        if replacement is not None:
            return replacement
        if fault.silent:
            await fault_injector.never_answer(request)
        await asyncio.sleep(fault.latency_ms / 1000)
    form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return fault_injector.after_processing(fault, tokens.respond(request.headers, form, ends_early=fault.revoked))

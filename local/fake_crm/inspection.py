"""The inspection API /_crm/: what the fake CRM received and stored, its fault and its token.

GET /_crm/stats                  All counts. Needs no token, because it contains no user, key or score.

All others need the bearer token with which the fake CRM was started:

GET /_crm/state                  {user_id: score}
GET /_crm/requests?user_id=...   the requests for one user, oldest first
GET, PUT, DELETE /_crm/faults    show the fault, switch it on (a JSON object or the name of a profile), or switch it off
GET, PUT, DELETE /_crm/token-faults    the same for the token endpoint, see `access.token_endpoint`
PUT /_crm/token                  {"token": "..."}: the update endpoint accepts only this token from now on
DELETE /_crm/token               the update endpoint accepts the token from the start again
POST /_crm/reset                 remove everything but the faults and the tokens

No response contains a token: both responses about it are {"rotated": true} or {"rotated": false}.
"""

import re

from aiohttp import web

from local.fake_crm import request_checks
from local.fake_crm.fault_injector import FaultInjector
from local.fake_crm.fault_profiles import read_fault
from local.fake_crm.faults import NO_FAULT
from local.fake_crm.responses import FakeResponse, as_json, not_allowed, not_found, problem
from local.fake_crm.service import FakeCrm

PREFIX = "/_crm/"
_METHODS = {
    "stats": ("GET",),
    "state": ("GET",),
    "requests": ("GET",),
    "faults": ("GET", "PUT", "DELETE"),
    "token-faults": ("GET", "PUT", "DELETE"),
    "token": ("PUT", "DELETE"),
    "reset": ("POST",),
}
_TOKEN = re.compile(r"[!-~]+")  # what an Authorization header can carry after the scheme


async def inspect(crm: FakeCrm, request: web.BaseRequest) -> web.StreamResponse:
    """Handle a request to /_crm/."""
    name = request.path.removeprefix(PREFIX)
    is_public = (request.method, name) == ("GET", "stats")
    refusal = None if is_public else request_checks.check_token(request.headers.get("Authorization"), crm.options.token)
    return (refusal or await _dispatch(crm, request, name)).to_aiohttp()


async def _dispatch(crm: FakeCrm, request: web.BaseRequest, name: str) -> FakeResponse:
    if name not in _METHODS:
        return not_found(request.path)
    if request.method not in _METHODS[name]:
        return not_allowed(request.method, request.path, ", ".join(_METHODS[name]))
    if name == "state":
        return as_json(crm.scores.state())
    if name == "requests":
        return _requests(crm, request)
    if name == "faults":
        return await _faults(crm.faults, request)
    if name == "token-faults":
        return await _faults(crm.token_faults, request)
    if name == "token":
        return await _token(crm, request)
    if name == "reset":
        crm.reset()
    return as_json(crm.stats())


def _requests(crm: FakeCrm, request: web.BaseRequest) -> FakeResponse:
    user_id = request.query.get("user_id")
    if not user_id:
        return problem(400, "missing-user-id", "Expected a user, such as /_crm/requests?user_id=U000000001")
    return as_json(crm.request_log.requests_of_user(user_id))


async def _faults(faults: FaultInjector, request: web.BaseRequest) -> FakeResponse:
    if request.method == "DELETE":
        faults.switch(NO_FAULT)
    elif request.method == "PUT":
        try:
            faults.switch(read_fault(await request.read()))
        except ValueError as error:
            return problem(400, "invalid-faults", str(error))
    return as_json(faults.as_json())


async def _token(crm: FakeCrm, request: web.BaseRequest) -> FakeResponse:
    token = crm.options.token
    if request.method == "PUT":
        parsed = request_checks.parse_body(await request.read())
        new_token = None if isinstance(parsed, FakeResponse) or len(parsed) != 1 else parsed.get("token")
        if not isinstance(new_token, str) or not _TOKEN.fullmatch(new_token):
            # The detail quotes nothing of the body, which may contain a token.
            detail = 'Expected {"token": "..."} with visible ASCII characters, and no other member.'
            return problem(400, "invalid-token", detail)
        token = new_token
    crm.token = token
    return as_json({"rotated": token != crm.options.token})

"""/_crm/: what the CRM received and holds, its faults and its token.

GET /_crm/stats                  all counts; needs no token, since no user, key or score is in them

The rest needs the bearer token that the CRM was started with:

GET /_crm/state                  {user_id: score}
GET /_crm/requests?user_id=...   what was received for one user, oldest first
GET, PUT, DELETE /_crm/faults    show, switch on (a JSON object or the name of a profile), switch off
PUT /_crm/token                  {"token": "..."}: from now on the update endpoint takes this token and no other
DELETE /_crm/token               it takes the one that the CRM was started with again
POST /_crm/reset                 forget everything but the faults and the token

A token is in no answer: both answers about it are {"rotated": true} or {"rotated": false}.
"""

import re

from aiohttp import web

from local.fake_crm import request_checks
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
    "token": ("PUT", "DELETE"),
    "reset": ("POST",),
}
_TOKEN = re.compile(r"[!-~]+")  # what an Authorization header can carry after the scheme


async def inspect(crm: FakeCrm, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request below /_crm/."""
    name = request.path.removeprefix(PREFIX)
    is_public = (request.method, name) == ("GET", "stats")
    refusal = None if is_public else request_checks.check_token(request.headers.get("Authorization"), crm.options.token)
    return (refusal or await _answer(crm, request, name)).response()


async def _answer(crm: FakeCrm, request: web.BaseRequest, name: str) -> FakeResponse:
    if name not in _METHODS:
        return not_found(request.path)
    if request.method not in _METHODS[name]:
        return not_allowed(request.method, request.path, ", ".join(_METHODS[name]))
    if name == "state":
        return as_json(crm.scores.state())
    if name == "requests":
        return _requests(crm, request)
    if name == "faults":
        return await _faults(crm, request)
    if name == "token":
        return await _token(crm, request)
    if name == "reset":
        crm.reset()
    return as_json(crm.stats())


def _requests(crm: FakeCrm, request: web.BaseRequest) -> FakeResponse:
    user_id = request.query.get("user_id")
    if not user_id:
        return problem(400, "missing-user-id", "Name the user: /_crm/requests?user_id=U000000001")
    return as_json(crm.log.of_user(user_id))


async def _faults(crm: FakeCrm, request: web.BaseRequest) -> FakeResponse:
    if request.method == "DELETE":
        crm.faults.switch(NO_FAULT)
    elif request.method == "PUT":
        try:
            crm.faults.switch(read_fault(await request.read()))
        except ValueError as error:
            return problem(400, "invalid-faults", str(error))
    return as_json(crm.faults.as_json())


async def _token(crm: FakeCrm, request: web.BaseRequest) -> FakeResponse:
    token = crm.options.token
    if request.method == "PUT":
        parsed = request_checks.parse(await request.read())
        given = None if isinstance(parsed, FakeResponse) or len(parsed) != 1 else parsed.get("token")
        if not isinstance(given, str) or not _TOKEN.fullmatch(given):
            # Nothing of the body is repeated: whatever is wrong with it, it may hold a token.
            expected = 'expected {"token": "..."} and nothing else, of visible ASCII characters'
            return problem(400, "invalid-token", f"This body sets no token: {expected}.")
        token = given
    crm.token = token
    return as_json({"rotated": token != crm.options.token})

"""/_crm/: what the CRM received and holds, its faults and its token.

GET /_crm/stats                  all counts; needs no token, since no user, key or score is in them

The rest needs the bearer token that the CRM was started with:

GET /_crm/state                  {user_id: score}; ?format=ndjson: an object a line, with the times applied
GET /_crm/requests?user_id=...   what was received for one user, oldest first
GET, PUT, DELETE /_crm/faults    show, switch on (a JSON object or the name of a profile), switch off
PUT /_crm/token                  {"token": "..."}: from now on the update endpoint takes this token and no other
DELETE /_crm/token               it takes the one that the CRM was started with again
POST /_crm/reset                 forget everything but the faults and the token

A token is in no answer: both answers about it are {"rotated": true} or {"rotated": false}.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice

from aiohttp import web

from local.crm import checks
from local.crm.answers import Answer, as_json, not_allowed, not_found, problem
from local.crm.faults import NO_FAULT
from local.crm.faultspec import read_fault
from local.crm.service import Crm

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
_ENTRIES_A_CHUNK = 5_000


async def inspect(crm: Crm, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request below /_crm/."""
    name = request.path.removeprefix(PREFIX)
    is_public = (request.method, name) == ("GET", "stats")
    refusal = None if is_public else checks.check_token(request.headers.get("Authorization"), crm.options.token)
    if refusal is None and name not in _METHODS:
        refusal = not_found(request.path)
    if refusal is None and request.method not in _METHODS[name]:
        refusal = not_allowed(request.method, request.path, ", ".join(_METHODS[name]))
    if refusal is not None:
        return refusal.response()
    if name == "state":
        return await _state(crm, request)
    if name == "requests":
        return _requests(crm, request).response()
    if name == "faults":
        return (await _faults(crm, request)).response()
    if name == "token":
        return (await _token(crm, request)).response()
    if name == "reset":
        crm.reset()
    return as_json(crm.stats()).response()


def _requests(crm: Crm, request: web.BaseRequest) -> Answer:
    user_id = request.query.get("user_id")
    if not user_id:
        return problem(400, "missing-user-id", "Name the user: /_crm/requests?user_id=U000000001")
    return as_json(crm.log.of_user(user_id))


async def _faults(crm: Crm, request: web.BaseRequest) -> Answer:
    if request.method == "DELETE":
        crm.faults.switch(NO_FAULT)
    elif request.method == "PUT":
        try:
            crm.faults.switch(read_fault(await request.read()))
        except ValueError as error:
            return problem(400, "invalid-faults", str(error))
    return as_json(crm.faults.as_json())


async def _token(crm: Crm, request: web.BaseRequest) -> Answer:
    token = crm.options.token
    if request.method == "PUT":
        parsed = checks.parse(await request.read())
        found = None if isinstance(parsed, Answer) or len(parsed) != 1 else parsed.get("token")
        if not isinstance(found, str) or not _TOKEN.fullmatch(found):
            # Nothing of the body is repeated: whatever is wrong with it, it may hold a token.
            wanted = 'wanted {"token": "..."} and nothing else, of visible ASCII characters'
            return problem(400, "invalid-token", f"This body sets no token: {wanted}.")
        token = found
    crm.token = token
    return as_json({"rotated": token != crm.options.token})


async def _state(crm: Crm, request: web.BaseRequest) -> web.StreamResponse:
    kind = request.query.get("format", "json")
    if kind not in ("json", "ndjson"):
        return problem(400, "invalid-format", f"format is {kind!r}; wanted json or ndjson.").response()
    content_type = "application/json" if kind == "json" else "application/x-ndjson"
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    pieces = _map_pieces(crm) if kind == "json" else _lines(crm)
    while chunk := "".join(islice(pieces, _ENTRIES_A_CHUNK)):
        await response.write(chunk.encode())
    await response.write_eof()
    return response


def _map_pieces(crm: Crm) -> Iterator[str]:
    opening = "{"
    for user_id, score, _ in crm.book.entries():
        yield f'{opening}{json.dumps(user_id)}:"{score}"'
        opening = ",\n"
    yield "{}\n" if opening == "{" else "}\n"


def _lines(crm: Crm) -> Iterator[str]:
    for user_id, score, times in crm.book.entries():
        yield json.dumps({"user_id": user_id, "score": score, "applied": times}) + "\n"

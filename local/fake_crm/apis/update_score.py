"""POST /api/v1/update-score: user and score as text in the body, an optional idempotency key.

It is the API that the product was written for and that needs no configuration.
"""

import json
from typing import Any

from aiohttp import web

from local.fake_crm import request_checks
from local.fake_crm.apis.api import KEY_HEADER, Api, ParsedBody
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse


def _key_of(request: web.BaseRequest, _parsed: ParsedBody) -> str | None:
    return request.headers.get(KEY_HEADER)


def _check_headers(request: web.BaseRequest) -> FakeResponse | None:
    return request_checks.check_idempotency_key(request.headers.get(KEY_HEADER))


def _check_body(_user_in_path: str | None, parsed: dict[str, Any]) -> Payload | FakeResponse:
    return request_checks.check_payload(parsed)


def _applied(payload: Payload, _is_new: bool) -> FakeResponse:
    # Formatted by hand, because encoding a dict takes ten times as long as encoding a string.
    return FakeResponse(200, f'{{"status":"updated","user_id":{json.dumps(payload.user_id)}}}'.encode())


UPDATE_SCORE = Api(
    method="POST",
    path="/api/v1/update-score",
    check_headers=_check_headers,
    check_body=_check_body,
    applied=_applied,
    key_of=_key_of,
)

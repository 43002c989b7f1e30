"""PUT /v1/profiles/{user_id}: create or update a profile, with the score as a number.

The first update of a user is answered with 201, later ones with 200. The idempotency key is required,
in quotation marks as in the IETF's draft.
"""

import re
from typing import Any

from aiohttp import web

from local.fake_crm import request_checks
from local.fake_crm.apis.api import (
    KEY_HEADER,
    Api,
    ParsedBody,
    check_members,
    check_object,
    check_score_number,
    check_utc_time,
)
from local.fake_crm.request_checks import MAX_KEY_CHARS, Payload
from local.fake_crm.responses import FakeResponse, as_json, problem

_TRAITS = {"engagement_score": check_score_number, "scored_at": check_utc_time}
_quoted = re.compile(rf'"([ !#-\[\]-~]{{1,{MAX_KEY_CHARS}}})"').fullmatch


def _key_of(request: web.BaseRequest, _parsed: ParsedBody) -> str | None:
    key = _quoted(request.headers.get(KEY_HEADER, ""))
    return key[1] if key else None


def _check_headers(request: web.BaseRequest) -> FakeResponse | None:
    if request.query:
        return problem(400, "unexpected-query", "Expected no query.")
    if _quoted(request.headers.get(KEY_HEADER, "")):
        return None
    detail = f"{KEY_HEADER} is missing or no quoted string of 1 to {MAX_KEY_CHARS} characters."
    return problem(400, "invalid-idempotency-key", detail)


def _check_body(user_in_path: str | None, parsed: dict[str, Any]) -> Payload | FakeResponse:
    error = request_checks.user_error(user_in_path)
    if error is not None:
        return problem(422, "invalid-field", f"user id in the path: {error}")
    refusal = check_members(parsed, {"traits": check_object})
    refusal = refusal or check_members(parsed["traits"], _TRAITS, "traits.")
    if refusal:
        return refusal
    traits = parsed["traits"]
    return Payload(str(user_in_path), f"{traits['engagement_score']:.2f}", (traits["scored_at"],))


def _applied(payload: Payload, is_new: bool) -> FakeResponse:
    return as_json({"profile": payload.user_id}, 201 if is_new else 200)


UPSERT = Api(
    method="PUT",
    path="/v1/profiles/",
    check_headers=_check_headers,
    check_body=_check_body,
    applied=_applied,
    key_of=_key_of,
)

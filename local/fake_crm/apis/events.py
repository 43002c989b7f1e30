"""POST /v2/events: an event per score, with its id in the body.

The answer is 202 "accepted", or 200 "duplicate" without effect for an event whose id was received before.
"""

from typing import Any

from aiohttp import web

from local.fake_crm import request_checks
from local.fake_crm.apis.api import (
    Api,
    ParsedBody,
    check_constant,
    check_date,
    check_members,
    check_object,
    check_score_number,
    check_text,
    refuse_key,
)
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, as_json, problem

_SOURCE = "engagement-scoring"
_MEMBERS = {
    "event": check_constant("engagement_scored"),
    "event_id": check_text,
    "user_id": request_checks.user_error,
    "properties": check_object,
}
_PROPERTIES = {"score": check_score_number, "score_date": check_date, "weights_version": check_text}


def _key_of(_request: web.BaseRequest, parsed: ParsedBody) -> str | None:
    event_id = parsed.get("event_id") if isinstance(parsed, dict) else None
    return event_id if isinstance(event_id, str) and event_id else None


def _check_headers(request: web.BaseRequest) -> FakeResponse | None:
    if request.headers.get("Accept") != "application/json":
        return problem(406, "not-acceptable", "Expected Accept: application/json.")
    if request.headers.get("X-Source") != _SOURCE:
        return problem(400, "unknown-source", f"Expected X-Source: {_SOURCE}.")
    return refuse_key(request)


def _check_body(_user_in_path: str | None, parsed: dict[str, Any]) -> Payload | FakeResponse:
    refusal = check_members(parsed, _MEMBERS) or check_members(parsed["properties"], _PROPERTIES, "properties.")
    if refusal:
        return refusal
    properties = parsed["properties"]
    other = (properties["score_date"], properties["weights_version"])
    return Payload(parsed["user_id"], f"{properties['score']:.2f}", other)


def _applied(_payload: Payload, _is_new: bool) -> FakeResponse:
    return as_json({"status": "accepted"}, 202)


def _repeated(_payload: Payload) -> FakeResponse:
    return as_json({"status": "duplicate"})


EVENTS = Api(
    method="POST",
    path="/v2/events",
    check_headers=_check_headers,
    check_body=_check_body,
    applied=_applied,
    repeated=_repeated,
    key_of=_key_of,
)

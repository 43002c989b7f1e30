"""PATCH /crm/v3/objects/contacts/{user_id}?idProperty=external_id: a property of a contact, by external id.

Properties are text. There is no idempotency key, because setting a property twice has the same effect as once.
"""

from typing import Any

from aiohttp import web

from local.fake_crm import request_checks
from local.fake_crm.apis.api import Api, check_date, check_members, check_object, refuse_key
from local.fake_crm.request_checks import Payload
from local.fake_crm.responses import FakeResponse, as_json, problem

_QUERY = {"idProperty": "external_id"}
_PROPERTIES = {"engagement_score": request_checks.score_error, "engagement_score_date": check_date}


def _check_headers(request: web.BaseRequest) -> FakeResponse | None:
    if dict(request.query) != _QUERY:
        # Without it, the id is that of the CRM's own object.
        return problem(404, "not-found", "No contact has this id; expected ?idProperty=external_id.")
    return refuse_key(request)


def _check_body(user_in_path: str | None, parsed: dict[str, Any]) -> Payload | FakeResponse:
    if request_checks.user_error(user_in_path) is not None:
        return problem(404, "not-found", "No contact has this external id.")
    refusal = check_members(parsed, {"properties": check_object}, status=400)
    refusal = refusal or check_members(parsed["properties"], _PROPERTIES, "properties.", 400)
    if refusal:
        return refusal
    properties = parsed["properties"]
    return Payload(str(user_in_path), properties["engagement_score"], (properties["engagement_score_date"],))


def _applied(payload: Payload, _is_new: bool) -> FakeResponse:
    return as_json({"id": "1", "properties": {"external_id": payload.user_id, "engagement_score": payload.score}})


CONTACT_PROPERTY = Api(
    method="PATCH",
    path="/crm/v3/objects/contacts/",
    check_headers=_check_headers,
    check_body=_check_body,
    applied=_applied,
)

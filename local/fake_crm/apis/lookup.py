"""Which endpoint a path belongs to."""

from urllib.parse import unquote

from aiohttp import web

from local.fake_crm.apis.api import Api
from local.fake_crm.apis.contact_property import CONTACT_PROPERTY
from local.fake_crm.apis.events import EVENTS
from local.fake_crm.apis.update_score import UPDATE_SCORE
from local.fake_crm.apis.upsert import UPSERT

_WITHOUT_USER = {api.path: api for api in (UPDATE_SCORE, EVENTS)}
_WITH_USER = (CONTACT_PROPERTY, UPSERT)


def find_api(request: web.BaseRequest) -> tuple[Api, str | None] | None:
    """Return the endpoint of a request and the user id in its path, or None if there is no such endpoint."""
    path = request.raw_path.partition("?")[0]
    api = _WITHOUT_USER.get(path)
    if api is not None:
        return api, None
    for api in _WITH_USER:
        # An encoded slash belongs to the id, another one does not.
        user = path.removeprefix(api.path)
        if user != path and "/" not in user:
            try:
                return api, unquote(user, errors="strict")
            except UnicodeDecodeError:
                return None
    return None

"""The check of a request's credentials, in the form that the CRM was started with."""

from collections.abc import Mapping

from local.fake_crm import request_checks
from local.fake_crm.responses import FakeResponse
from local.fake_crm.service import FakeCrm


def check_credentials(crm: FakeCrm, headers: Mapping[str, str]) -> FakeResponse | None:
    """Return None if a request has the credentials of the update endpoints, otherwise 401."""
    authorization = headers.get("Authorization")
    if crm.access_tokens is not None and crm.access_tokens.has_issued(authorization):
        return crm.access_tokens.check(authorization)
    expected = crm.options.credential_headers
    if expected is None:
        return request_checks.check_token(authorization, crm.token)
    if all(request_checks.is_same(headers.get(name, ""), value) for name, value in expected.items()):
        return None
    return request_checks.invalid_token("expected other credentials")

"""Checks that the CRM responds, before the scoring job starts. It sends no token: Airflow may not read it."""

import codecs
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.exceptions import RequestException

from engagement.checks.crm_connection import CrmNetwork, open_session
from engagement.checks.crm_failures import PROXY_UNAUTHORIZED, PROXY_WANTS_LOGIN, describe_failure, missing_credential
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError

PATH = "/api/v1/update-score"
TIMEOUT = (5.0, 10.0)
"""Seconds to wait for a connection, and for the first byte of the response."""
CREDENTIALS = "what is in the secret, which Airflow may not read: token, token endpoint, certificate, proxy's password"
DOCUMENT = "the path and the method of the CRM document"
"""What the check does not check."""

_START_BYTES = 1_024
_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_TAG = re.compile(r"\s*<[a-z!?/]", re.IGNORECASE)


def check_base_url(base_url: str, *, allow_http: bool) -> None:
    """Reject a URL that would expose the token or to which the path of the API cannot be appended.

    :param base_url: the setting
    :param allow_http: whether an unencrypted connection is permitted
    :raises BadBaseUrlError: the message does not repeat a user name or password
    """
    parts = urlsplit(base_url)
    if parts.username is not None or parts.password is not None:
        raise BadBaseUrlError("base_url contains a user name or password; put the token into the secret instead")
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise BadBaseUrlError(f"base_url is {base_url!r}, expected https:// and a host name")
    if parts.query or parts.fragment or base_url.endswith(("?", "#")):
        raise BadBaseUrlError(f"base_url is {base_url!r}, expected a URL without ?query and #fragment")
    if parts.scheme == "http" and not allow_http:
        raise BadBaseUrlError(
            f"base_url is {base_url!r}, expected https, because http exposes the token (the setting allow_http is for "
            "local stacks)"
        )


@dataclass(frozen=True)
class CrmCheck:
    """The result of a check that found nothing wrong.

    :param status: HTTP status of the response; None if there is none for want of what is in the secret
    :param not_checked: what the check does not check, as clauses
    :param warning: why there is no status, as a sentence; else empty
    """

    status: int | None
    not_checked: tuple[str, ...]
    warning: str = ""


def check_reachable(
    base_url: str,
    way: CrmNetwork,
    *,
    allow_http: bool,
    has_default_document: bool = True,
    timeout: tuple[float, float] = TIMEOUT,
) -> CrmCheck:
    """Send one GET to the endpoint.

    The endpoint expects POST with a token, so 401, 403 and 405 are good responses. So is 404, which many servers return
    for a path that only accepts POST. The first requests of the push job detect a wrong path. Their bodies are often
    HTML, so only a success with a page says that there is no API. Another CRM document may name any path, so then the
    GET goes to ``base_url`` itself, and redirects and pages say nothing.

    :param base_url: the setting
    :param allow_http: whether an unencrypted connection is permitted
    :param timeout: seconds to wait for a connection, and for the first byte of the response
    :raises BadBaseUrlError: see :func:`check_base_url`
    :raises CrmUnavailableError: no response, a status of 500 or more, or for the default document a redirect or a page
    """
    check_base_url(base_url, allow_http=allow_http)
    url = base_url.rstrip("/") + PATH if has_default_document else base_url
    not_checked = (CREDENTIALS,) if has_default_document else (CREDENTIALS, DOCUMENT)
    try:
        # stream: only the status and the start of the body matter, however long the body is.
        with (
            open_session(way, url) as session,
            session.get(url, timeout=timeout, allow_redirects=False, stream=True) as response,
        ):
            status = response.status_code
            if status == PROXY_UNAUTHORIZED and way.proxy_for(url) and url.startswith("http:"):
                return CrmCheck(None, not_checked, PROXY_WANTS_LOGIN)
            _check_response(url, response, is_endpoint=has_default_document)
    except RequestException as error:
        if sentence := missing_credential(error, way, url, timeout):
            return CrmCheck(None, not_checked, sentence)
        raise CrmUnavailableError(f"GET {url}: {describe_failure(error, way, url, timeout)}") from error
    return CrmCheck(status, not_checked)


def _check_response(url: str, response: requests.Response, *, is_endpoint: bool) -> None:
    status = response.status_code
    if status >= 500:
        raise CrmUnavailableError(f"GET {url}: HTTP {status}, the CRM responds but is not healthy")
    if not is_endpoint:
        return
    if 300 <= status < 400:
        raise CrmUnavailableError(
            f"GET {url}: HTTP {status} redirects to {response.headers.get('Location', 'nowhere')}; redirects are never "
            "followed, so set base_url to the final address"
        )
    if 200 <= status < 300 and _is_page(response):
        raise CrmUnavailableError(
            f"GET {url}: HTTP {status} with a web page in place of an API's response; base_url likely points at a web "
            "site, a login page or a proxy, so set it to the address of the API"
        )


def _is_page(response: requests.Response) -> bool:
    """Return whether a body begins with a tag or a doctype, whatever its label says."""
    try:
        start: bytes = next(response.iter_content(_START_BYTES), b"")
    except RequestException:
        return False  # the status has arrived, and it is good
    marks = ((start.removeprefix(mark), encoding) for mark, encoding in _BYTE_ORDER_MARKS if start.startswith(mark))
    body, encoding = next(marks, (start, "utf-8"))
    return _TAG.match(body.decode(encoding, "replace")) is not None

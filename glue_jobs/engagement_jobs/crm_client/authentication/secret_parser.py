"""Parsing of the CRM secret: a bare token, or a JSON object of texts. Messages name its keys, never a value."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engagement_jobs.contract.errors import SecretError
from engagement_jobs.crm_client.authentication import secret_values
from engagement_jobs.crm_client.authentication.pem import repair_certificates, repair_key
from engagement_jobs.crm_client.authentication.secret import ClientCertificate, ClientCredentials, CrmSecret, ProxyUser

_CERTIFICATE: Final = ("client_certificate", "client_key")
_PROXY: Final = ("proxy_user", "proxy_password")
# A longer name, or one with other characters, may be a value in the wrong place.
_NAME = re.compile(r"[A-Za-z][A-Za-z_-]{0,29}")
_PAGE = "docs/reference/crm-authentication.md"


@dataclass(frozen=True)
class _Type:
    """The keys of one value of `type`. Client certificate and user of the proxy are possible with each."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.required, *self.optional, *_CERTIFICATE, *_PROXY)))


_BEARER: Final = "bearer"
_TYPES: Final[Mapping[str, _Type]] = {
    _BEARER: _Type(("token",)),
    "header": _Type(("token",), ("header", "scheme")),
    "basic": _Type(("user", "password")),
    "oauth2_client_credentials": _Type(
        ("token_url", "client_id", "client_secret"), ("scope", "audience", "client_auth")
    ),
    "client_certificate": _Type(_CERTIFICATE),
}
_SEVERAL_HEADERS: Final = _Type(("headers",))
_KNOWN: Final = {"type", *_SEVERAL_HEADERS.keys, *(key for each in _TYPES.values() for key in each.keys)}


def parse_secret(text: str, *, allow_http: bool = False) -> CrmSecret:
    """Parse the text of the secret.

    :param allow_http: whether the token endpoint may be without encryption
    :raises SecretError: the text has another form; the message names every fault
    """
    text = text.removeprefix("\ufeff")  # an editor's byte order mark
    if text.lstrip().startswith(("{", "[", '"')):
        document, what = _parse_object(text), "a JSON object"
    else:
        document, what = {"token": text.strip()}, "a bare token"
    kind = document.get("type", _BEARER)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise SecretError(f'{_expected("")} its "type" is none of {", ".join(_TYPES)}')
    values = {name: value for name, value in document.items() if name != "type"}
    faults = _faults(kind, values, allow_http=allow_http)
    if faults:
        raise SecretError(f"{_expected(f', {what} of the type {kind},')} {'; '.join(faults)}")
    return _secret(kind, values)


def _expected(what: str) -> str:
    return f"expected the CRM secret{what} to be as in {_PAGE}:"


def _parse_object(text: str) -> dict[str, Any]:
    try:
        return secret_values.parse_object(text)
    except ValueError as error:
        # Without the cause, because it quotes the text.
        raise SecretError(f"{_expected(', a bare token or a JSON object,')} it {error}") from None


def _faults(kind: str, values: Mapping[str, Any], *, allow_http: bool) -> list[str]:
    expected = _expected_keys(kind, values)
    unknown = [name for name in values if name not in expected.keys]
    faults = [f'"{name}" is missing' for name in _required(expected, values) if name not in values]
    if faults and not unknown:
        faults[-1] += _hint(kind, values)
    if unknown:
        named = _name_all([name for name in unknown if _is_name(name, values[name])], len(unknown))
        faults.append(f"unknown keys: {named} (expected {', '.join(expected.keys)}){_hint(kind, values)}")
    checked = ((name, secret_values.check(name, values[name])) for name in expected.keys if name in values)
    faults.extend(f'"{name}" {fault}' for name, fault in checked if fault is not None)
    return faults or _faults_of_combination(kind, values, allow_http=allow_http)


def _faults_of_combination(kind: str, values: Mapping[str, Any], *, allow_http: bool) -> list[str]:
    """Return what is wrong with values that are right by themselves."""
    token, faults = values.get("token", ""), list[str]()
    scheme = "Bearer" if kind == _BEARER else values.get("scheme", "")
    if scheme and re.match(rf"{re.escape(scheme)}([\s:]|$)", token, re.IGNORECASE):
        faults.append('"token" begins with its scheme, which the job adds; remove the word from the token')
    elif kind == _BEARER and " " in token:
        faults.append('"token" has blanks; a credential of several words has the "type": "header"')
    if "token_url" in values:
        fault = secret_values.check_url(values["token_url"], allow_http=allow_http)
        faults += [f'"token_url" {fault}'] if fault is not None else []
    return faults


def _expected_keys(kind: str, values: Mapping[str, Any]) -> _Type:
    return _SEVERAL_HEADERS if kind == "header" and "headers" in values else _TYPES[kind]


def _required(expected: _Type, values: Mapping[str, Any]) -> tuple[str, ...]:
    pairs = [pair for pair in (_CERTIFICATE, _PROXY) if not values.keys().isdisjoint(pair)]
    return tuple(dict.fromkeys(sum(pairs, expected.required)))


def _is_name(key: str, value: object) -> bool:
    """Return whether a key is certain to be no value: a form with two fields is easily filled in the wrong order."""
    is_swapped = not value or (isinstance(value, str) and value.lower() in _KNOWN)
    return key in _KNOWN or (_NAME.fullmatch(key) is not None and not is_swapped)


def _name_all(shown: list[str], total: int) -> str:
    names, hidden = [f'"{name}"' for name in shown], total - len(shown)
    return ", ".join([*names, *([f"{hidden} not shown, because the name may be a value"] if hidden else [])])


def _hint(kind: str, values: Mapping[str, Any]) -> str:
    """Return which other type has these keys, if one has."""
    for other in _TYPES:
        expected = _expected_keys(other, values)
        if other != kind and values.keys() <= set(expected.keys) and values.keys() >= set(_required(expected, values)):
            return f'; these are the keys of "type": "{other}"'
    return ""


def _secret(kind: str, values: Mapping[str, str]) -> CrmSecret:
    certificate = proxy_user = oauth = None
    if "client_key" in values:
        certificate = ClientCertificate(
            repair_certificates(values["client_certificate"]), repair_key(values["client_key"])
        )
    if "proxy_user" in values:
        proxy_user = ProxyUser(values["proxy_user"], values["proxy_password"])
    if kind == "oauth2_client_credentials":
        oauth = ClientCredentials(
            values["token_url"],
            values["client_id"],
            values["client_secret"],
            values.get("scope", ""),
            values.get("audience", ""),
            in_body=values.get("client_auth") == "body",
        )
    return CrmSecret(tuple(_headers(kind, values).items()), oauth, certificate, proxy_user)


def _headers(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    if kind == _BEARER:
        return {"Authorization": f"Bearer {values['token']}"}
    if kind == "basic":
        return {"Authorization": basic(values["user"], values["password"])}
    if kind != "header":
        return {}
    if "headers" in values:
        return secret_values.as_headers(values["headers"])
    scheme = values.get("scheme", "")
    value = f"{scheme} {values['token']}" if scheme else values["token"]
    return {values.get("header", "Authorization"): value}


def basic(user: str, password: str) -> str:
    """Return the value of the header `Authorization` of the scheme Basic (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"

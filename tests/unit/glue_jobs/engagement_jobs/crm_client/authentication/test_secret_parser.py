"""The CRM secret in each form, and each refusal. No message and no repr contains a value."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engagement_jobs.contract.errors import SecretError
from engagement_jobs.crm_client.authentication.secret import ClientCredentials, ProxyUser
from engagement_jobs.crm_client.authentication.secret_parser import parse_secret
from local import certificates

ROOT_FOLDER = Path(__file__).parents[6]
CANARY = "hush-9f3"
ROOT = certificates.authority("root")
CLIENT = certificates.issue("client", ROOT)
PEM = certificates.pem(CLIENT, ROOT).decode()
KEY = certificates.key_pem(CLIENT).decode()
OAUTH = {
    "type": "oauth2_client_credentials",
    "token_url": "https://login.example.com/oauth/token",
    "client_id": "id",
    "client_secret": CANARY,
}
TYPES = "bearer, header, basic, oauth2_client_credentials, client_certificate"


def headers(**secret: Any) -> dict[str, str]:
    return dict(parse_secret(json.dumps(secret)).headers)


def refusal(text: str, *, allow_http: bool = False) -> str:
    """Return what is wrong with a secret."""
    with pytest.raises(SecretError) as caught:
        parse_secret(text, allow_http=allow_http)
    message = str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert CANARY not in message
    assert message.startswith("expected the CRM secret")
    return message.partition("to be as in docs/reference/crm-authentication.md: ")[2]


@pytest.mark.parametrize(
    "text",
    [
        "hush",
        " hush\n",
        "\ufeffhush",
        '\ufeff{"token": "hush"}',
        '{"token": "hush"}',
        '{"type": "bearer", "token": "hush"}',
    ],
)
def test_bearer_is_the_default(text: str) -> None:
    assert parse_secret(text).headers == (("Authorization", "Bearer hush"),)


def test_header_carries_the_credential() -> None:
    assert headers(type="header", token="t") == {"Authorization": "t"}
    assert headers(type="header", token="t", header="X-Api-Key", scheme="") == {"X-Api-Key": "t"}
    assert headers(type="header", token="t u", scheme="Token") == {"Authorization": "Token t u"}
    assert headers(type="header", token="Bearer t") == {"Authorization": "Bearer t"}


@pytest.mark.parametrize("as_text", [False, True])
def test_secret_may_have_several_headers(as_text: bool) -> None:
    several = {"X-App": "a", "X-Key": "b c"}
    assert headers(type="header", headers=json.dumps(several) if as_text else several) == several


@pytest.mark.parametrize(("user", "password"), [("jane", "s3:cret "), ("jané", "pässword"), ("api-key", "")])
def test_basic_encodes_user_and_password(user: str, password: str) -> None:
    value = headers(type="basic", user=user, password=password)["Authorization"]
    assert value.startswith("Basic ")
    assert base64.b64decode(value.removeprefix("Basic ")).decode() == f"{user}:{password}"


@pytest.mark.parametrize(("client_auth", "in_body"), [({}, False), ("basic", False), ("", False), ("body", True)])
def test_client_credentials_are_read(client_auth: Any, in_body: bool) -> None:
    secret = OAUTH | {"scope": "a b", "audience": "crm"} | ({"client_auth": client_auth} if client_auth != {} else {})
    parsed = parse_secret(json.dumps(secret))
    assert parsed.headers == ()
    assert parsed.oauth == ClientCredentials(OAUTH["token_url"], "id", CANARY, "a b", "crm", in_body)


def one_line(text: str) -> str:
    return text.replace("\n", " ")


def escaped(text: str) -> str:
    return text.replace("\n", "\\n")


def escaped_as_on_windows(text: str) -> str:
    return text.replace("\n", "\\r\\n")


def windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def without_line_breaks(text: str) -> str:
    return text.replace("\n", "")


def with_attributes(text: str) -> str:
    return f"Bag Attributes\n    friendlyName: client\n{text}"


def same(text: str) -> str:
    return text


@pytest.mark.parametrize(
    "spoil", [same, one_line, escaped, escaped_as_on_windows, windows, without_line_breaks, with_attributes]
)
@pytest.mark.parametrize("first", [{"type": "client_certificate"}, {"token": "t"}, OAUTH])
def test_lost_line_breaks_of_pem_are_restored(spoil: Any, first: dict[str, str]) -> None:
    text = json.dumps(first | {"client_certificate": spoil(PEM), "client_key": spoil(KEY)})
    certificate = parse_secret(text).certificate
    assert certificate is not None
    assert (certificate.certificate, certificate.key) == (PEM, KEY)


def test_parameters_of_a_key_are_left_out() -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    secret = {"type": "client_certificate", "client_certificate": PEM, "client_key": parameters + KEY}
    certificate = parse_secret(json.dumps(secret)).certificate
    assert certificate is not None
    assert certificate.key == KEY


@pytest.mark.parametrize("first", [{"type": "client_certificate", "client_certificate": PEM, "client_key": KEY}, OAUTH])
def test_user_of_the_proxy_is_read(first: dict[str, str]) -> None:
    secret = first | {"proxy_user": "jane", "proxy_password": "doe"}
    assert parse_secret(json.dumps(secret)).proxy_user == ProxyUser("jane", "doe")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{hush-9f3}", "it begins like JSON and does not parse"),
        ("{'token': 'hush-9f3'}", "it begins like JSON and does not parse"),
        ('{"token": "hush-9f3"', "it begins like JSON and does not parse"),
        ('["hush-9f3"]', "it is JSON that is an array"),
        ('"hush-9f3"', "it is JSON that is a string"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"token": "hush-9f3", "Token": "hush-9f3"}', "it has a key twice"),
        ('{"type": "hush-9f3"}', f'its "type" is none of {TYPES}'),
        ('{"type": ["hush-9f3"]}', f'its "type" is none of {TYPES}'),
        ("", '"token" is empty'),
        (" \n", '"token" is empty'),
        ("hush-9f3\nhush-9f3", '"token" has line breaks or control characters'),
        ("hush-9f3\0", '"token" has line breaks or control characters'),
        ("hush-9f3\u2013", '"token" has other characters than ASCII'),
        ("Token hush-9f3", '"token" has blanks; a credential of several words has the "type": "header"'),
    ],
)
def test_text_in_another_form_is_refused(text: str, fault: str) -> None:
    assert refusal(text) == fault


@pytest.mark.parametrize(
    "token", ["Bearer hush-9f3", "bearer hush-9f3", "BEARER: hush-9f3", "Bearer  hush-9f3", "Bearer"]
)
def test_token_that_begins_with_its_scheme_is_refused(token: str) -> None:
    fault = '"token" begins with its scheme, which the job adds; remove the word from the token'
    assert refusal(token) == fault
    assert refusal(json.dumps({"token": token})) == fault
    assert refusal(json.dumps({"type": "header", "scheme": "bearer", "token": token})) == fault


def changed(secret: dict[str, Any], **changes: Any) -> str:
    return json.dumps({name: value for name, value in (secret | changes).items() if value is not None})


BEARER = {"token": CANARY}
HEADER = {"type": "header", "token": CANARY}
BASIC = {"type": "basic", "user": "u", "password": CANARY}
MTLS = {"type": "client_certificate", "client_certificate": PEM, "client_key": KEY}
NO_KEYS = '"client_key" contains 0 private keys, expected one, from -----BEGIN PRIVATE KEY----- to its end'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (changed(BEARER, token=17), '"token" is a number, expected a text'),
        (changed(BEARER, token={"value": CANARY}), '"token" is an object, expected a text'),
        (changed(BEARER, token=True), '"token" is a boolean, expected a text'),
        ('{"token": null}', '"token" is null, expected a text'),
        (changed(BEARER, token=f"{CANARY} "), '"token" begins or ends with a blank'),
        (changed(HEADER, header="X Key: "), '"header" begins or ends with a blank'),
        (changed(HEADER, header="X Key"), '"header" is not the name of a header'),
        (changed(HEADER, header="content-length"), '"header" is a header that the job sets itself'),
        (
            changed(HEADER, header="Proxy-Authorization"),
            '"header" is the header of a proxy; use proxy_user and proxy_password',
        ),
        (changed(HEADER, scheme="my token"), '"scheme" is not one word'),
        (changed(HEADER, token=None, headers={"X Key": "t"}), '"headers" has a name that is not the name of a header'),
        (changed(HEADER, token=None, headers={"X": ""}), '"headers" has a value that is empty'),
        (changed(HEADER, token=None, headers={"X": 1}), '"headers" has a value that is a number, expected a text'),
        (changed(HEADER, token=None, headers={}), '"headers" is empty'),
        (changed(HEADER, token=None, headers={"X": "t", "x": "t"}), "it has a key twice"),
        (changed(HEADER, token=None, headers="{hush-9f3"), '"headers" begins like JSON and does not parse'),
        (
            changed(HEADER, token=None, headers=[CANARY]),
            '"headers" is an array, expected an object with the value of each header',
        ),
        (changed(BASIC, user="hush-9f3:"), '"user" contains a colon, which the scheme Basic does not allow'),
        (changed(BASIC, user=""), '"user" is empty'),
        (changed(BASIC, password="hush-9f3\n"), '"password" has line breaks or control characters'),
        (changed(OAUTH, client_id=""), '"client_id" is empty'),
        (changed(OAUTH, client_auth=CANARY), '"client_auth" is neither "basic" nor "body"'),
        (changed(OAUTH, token_url=CANARY), '"token_url" is not a URL with a valid host'),
        (changed(OAUTH, token_url=f"https://{CANARY}:99999/"), '"token_url" is not a URL with a valid host'),
        (changed(OAUTH, token_url=f"ftp://{CANARY}/"), '"token_url" does not begin with https://'),
        (changed(OAUTH, token_url=f"http://{CANARY}/"), '"token_url" does not begin with https://'),
        (changed(OAUTH, token_url=f"https://u:{CANARY}@a.b/"), '"token_url" contains a user name or password'),
        (
            changed(OAUTH, token_url=f"https://a.b/#{CANARY}"),
            '"token_url" contains a fragment (#), a blank or other characters than ASCII',
        ),
        (changed(MTLS, client_key=KEY[:100]), NO_KEYS),
        (changed(MTLS, client_key=PEM), NO_KEYS),
        (
            changed(MTLS, client_key=KEY * 2),
            '"client_key" contains 2 private keys, expected one, from -----BEGIN PRIVATE KEY----- to its end',
        ),
        (
            changed(MTLS, client_key=KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")),
            '"client_key" is encrypted; store the key without a passphrase (openssl pkey -in KEY -out NEW_KEY)',
        ),
        (
            changed(MTLS, client_key=KEY.replace("KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\n", 1)),
            '"client_key" is encrypted; store the key without a passphrase (openssl pkey -in KEY -out NEW_KEY)',
        ),
        (
            changed(MTLS, client_key=KEY.replace("\n", "\n!", 1)),
            '"client_key" is damaged: what is between BEGIN and END is not base64',
        ),
        (
            changed(MTLS, client_certificate=CANARY),
            '"client_certificate" contains no -----BEGIN CERTIFICATE----- with its end',
        ),
        (
            changed(MTLS, client_certificate=PEM + KEY),
            '"client_certificate" contains a private key, which belongs into "client_key"',
        ),
    ],
)
def test_impossible_value_is_refused(text: str, fault: str) -> None:
    assert refusal(text) == fault


KEYS = "(expected token, client_certificate, client_key, proxy_user, proxy_password)"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (changed({}, Token=CANARY), f'"token" is missing; unknown keys: "Token" {KEYS}'),
        (changed(BEARER, api_key="a", clientId=1), f'unknown keys: "api_key", "clientId" {KEYS}'),
        (
            changed(BEARER, **{CANARY: "", "x": "a"}),
            f'unknown keys: "x", 1 not shown, because the name may be a value {KEYS}',
        ),
        (
            changed(BEARER, header="X", scheme=""),
            f'unknown keys: "header", "scheme" {KEYS}; these are the keys of "type": "header"',
        ),
        (
            changed(BASIC, type=None),
            f'"token" is missing; unknown keys: "user", "password" {KEYS}; these are the keys of "type": "basic"',
        ),
        (changed(MTLS, type=None), '"token" is missing; these are the keys of "type": "client_certificate"'),
        (
            changed(OAUTH, client_secret=None, client_key=KEY),
            '"client_secret" is missing; "client_certificate" is missing',
        ),
        (changed(BEARER, proxy_user="u"), '"proxy_password" is missing'),
        (
            changed(HEADER, headers={"X": "t"}),
            f'unknown keys: "token" {KEYS.replace("token", "headers")}',
        ),
    ],
)
def test_missing_and_unknown_keys_are_named(text: str, fault: str) -> None:
    assert refusal(text) == fault


def test_every_fault_is_named_at_once() -> None:
    text = changed(OAUTH, client_id=None, client_auth="x", scopes="a", proxy_user="u:")
    assert refusal(text).count("; ") == 4, refusal(text)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/token", "https://login.example.com/token?a=b"])
def test_token_url_may_be_http_if_that_is_allowed(url: str) -> None:
    secret = parse_secret(changed(OAUTH, token_url=url), allow_http=True)
    assert secret.oauth is not None
    assert secret.oauth.token_url == url


def test_no_repr_shows_a_value() -> None:
    secret = parse_secret(changed(OAUTH | MTLS, type=OAUTH["type"], proxy_user="jane", proxy_password=CANARY))
    shown = f"{secret!r}{secret}{secret.oauth!r}{secret.certificate!r}{secret.proxy_user!r}"
    assert not any(text in shown for text in (CANARY, "jane", "BEGIN", "login.example.com"))


PAGE = (ROOT_FOLDER / "docs" / "reference" / "crm-authentication.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES)
def test_examples_of_the_docs_are_accepted(text: str) -> None:
    parsed = parse_secret(text)
    assert parsed.headers or parsed.oauth


def test_the_docs_have_an_example_of_each_type() -> None:
    types = {json.loads(text)["type"] for text in EXAMPLES} | {"client_certificate"}
    assert types == set(TYPES.split(", "))
    assert '{type: "client_certificate", client_certificate: $certificate, client_key: $key}' in PAGE


@pytest.mark.parametrize("value", ["token", "Password", "type", "", None])
def test_key_that_may_be_swapped_with_its_value_is_not_shown(value: str | None) -> None:
    text = json.dumps({"token": "t", "hush-abc": value})
    assert refusal(text) == f"unknown keys: 1 not shown, because the name may be a value {KEYS}"

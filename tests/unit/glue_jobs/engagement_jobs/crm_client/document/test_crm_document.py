"""Parsing of the CRM document."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from engagement_jobs.contract.errors import CrmDocumentError
from engagement_jobs.crm_client.document.crm_document import CrmDocument, IdempotencyHeader
from engagement_jobs.crm_client.document.responses import DeclaredResponses
from tests.support.crm_requests import DEFAULT, ROOT

EXAMPLES = sorted((ROOT / "docs" / "reference" / "crm-documents").glob("*.json"))
SECRET = "canary-of-a-secret"


def document(response: Any = None, **request: Any) -> bytes:
    """Return the default document with changes; `...` removes a member of the request."""
    changed = json.loads(DEFAULT)
    changed["request"] = {name: value for name, value in (changed["request"] | request).items() if value is not ...}
    if response is not None:
        changed["response"] = response
    return json.dumps(changed).encode()


def success(**members: Any) -> bytes:
    return document({"success": members})


def faults(body: bytes) -> list[str]:
    """Return the faults of an invalid document."""
    with pytest.raises(CrmDocumentError) as error:
        CrmDocument.parse(body)
    start, _, listed = str(error.value).partition(": ")
    assert start == "invalid CRM document"
    return listed.split("; ")


def test_version_and_hash_identify_a_document() -> None:
    body = document()
    parsed = CrmDocument.parse(body)
    assert (parsed.version, parsed.sha256) == ("2026-12-01", hashlib.sha256(body).hexdigest())


def test_all_parts_are_read() -> None:
    response = {
        "success": {"statuses": [200, 409], "pointer": "/a~1b/0", "values": ["ok", 1]},
        "final": [404],
        "pushback": [503],
    }
    header = {"name": "X-Key", "form": "quoted"}
    parsed = CrmDocument.parse(document(response, method="PUT", headers={"X-A": "b c"}, idempotency_header=header))
    assert (parsed.method, parsed.headers) == ("PUT", (("X-A", "b c"),))
    assert parsed.idempotency_header == IdempotencyHeader("X-Key", quoted=True)
    assert parsed.responses == DeclaredResponses(
        frozenset({200, 409}), ("a/b", "0"), ("ok", 1), frozenset({404}), frozenset({503})
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_valid(path: Any) -> None:
    assert CrmDocument.parse(path.read_bytes()).version == f"{path.stem}-1"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "not JSON: Expecting value"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON: too many levels"),
        (b"[]", "expected a JSON object, got a list"),
        (b'{"version": "1", "version": "2"}', "not JSON: duplicate key version"),
        (b'{"version": "1"}', "request is missing or not an object, expected an object with method"),
        (b'{"version": " ", "request": {}}', "version is ' ', expected a non-empty string"),
        (b'{"version": 1, "request": []}', "version is 1, expected a non-empty string"),
        (b'{"version": "1\\n2"}', r"version is '1\n2', expected a non-empty string of printable characters"),
        (b'{"version": "\\ud800"}', r"version is '\ud800', expected a non-empty string of printable characters"),
        (b'{"version": "\\u202e1"}', r"version is '\u202e1', expected a non-empty string of printable characters"),
        (DEFAULT.replace('"version"', '"Version"').encode(), "unknown key Version, expected only version, request"),
        (document(method=...), "request.method is missing"),
        (document(path=...), "request.path is missing"),
        (document(body=...), "request.body is missing"),
        (document(idempotency_header=...), "request.idempotency_header is missing"),
        (document(url="x"), "unknown key request.url, expected method, path"),
        (document(method="post"), "request.method is 'post', expected POST, PUT, PATCH"),
        (document(method="GET"), "request.method is 'GET'"),
        (document(method=["POST"]), "request.method is ['POST']"),
    ],
)
def test_the_structure_is_checked(body: bytes, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(body))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (7, "request.path is 7, expected a text that begins with one slash"),
        ("users/{user_id}", "expected a text that begins with one slash"),
        ("//host/{user_id}", "expected a text that begins with one slash"),
        ("https://h/{user_id}", "request.path is a URL, expected a text that begins with one slash"),
        ("https:", "request.path is a URL"),
        ("/a b", "expected letters"),
        ("/\u00fc", "expected letters"),
        ("/a#b", "expected letters"),
        ("/a%2", "expected letters"),
        ("/%zz", "expected letters"),
        ("/{{a}}", "expected letters"),
        ("/a\n", "expected letters"),
        ("/a?b?c", "at most one ?"),
        ("/../{user_id}", "expected no segment of dots only"),
        ("/a/%2e%2E", "expected no segment of dots only"),
        ("/.{user_id}", "expected no segment of dots only"),
        ("/{user}", "request.path has {user}, expected one of the fields user_id, score, score_date"),
        ("/{}", "request.path has {}"),
        ("/{user_id", "request.path has a single {, expected {field}"),
        ("/user_id}", "request.path has a single }, expected {field}"),
        ("/{score:number}", "request.path has {score:number} next to other text"),
    ],
)
def test_an_impossible_path_is_refused(path: Any, expected: str) -> None:
    assert any(expected in fault for fault in faults(document(path=path)))


@pytest.mark.parametrize(
    "path",
    ["/", "/a?b=%20{user_id}&c", "/~u/$(x)/a:b@c", "/v1.0/..a/{user_id}.json", "/{user_id}/{score}", "/?u=.{user_id}"],
)
def test_a_possible_path_is_accepted(path: str) -> None:
    assert "".join(map(str, CrmDocument.parse(document(path=path)).path)).startswith("/")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"id": "{user_id}"}, "the request has no {score}, neither in its path nor in its body"),
        ({"score": "{score}"}, "the request has no {user_id}, neither"),
        ({"{user_id}": "{score}"}, "request.body has the member name {user_id}, expected names without braces"),
        ({"a": [{"b": "{User_id}"}]}, "request.body has {User_id}, expected one of the fields"),
        (
            {"a": [{"b": "x}"}]},
            "request.body has a single }, expected {field} with",
        ),
        ({"a": "{score:number} points"}, "request.body has {score:number} next to other text"),
        ({"a": "{score:text}"}, "request.body has {score:text}, expected one of"),
        ({"a": float("inf")}, "request.body has inf at /a, expected a number that JSON has"),
        ({"a": [float("nan")]}, "request.body has nan at /a/0, expected a number that JSON has"),
        ({"a": ["x\ud800"]}, "request.body has half of a surrogate pair at /a/0, expected characters that UTF-8"),
        ({"a": "{user_id}\udfff"}, "request.body has half of a surrogate pair at /a"),
        ({"b": {"\udbff": 1}}, "request.body has half of a surrogate pair at /b"),
    ],
)
def test_an_impossible_body_is_refused(body: Any, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(document(body=body)))


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "proxy-authorization", "X-Api-Key", "Api_Key", "apikey", "X-Auth-Token", "Cookie"),
        *("X-Session-Secret", "Client-Secret", "X-Amz-Signature", "password"),
    ],
)
def test_a_credential_is_refused_without_its_value(name: str) -> None:
    listed = faults(document(headers={name: SECRET}, idempotency_header={"name": name, "form": "raw"}))
    assert (
        f"request.headers: {name} looks like a credential, which belongs into the secret, not into this document"
        in listed
    )
    assert SECRET not in "".join(listed)


@pytest.mark.parametrize("name", ["api_key", "apikey", "access_token", "X-Auth", "client-secret"])
def test_a_credential_in_the_query_is_refused(name: str) -> None:
    listed = faults(document(path=f"/a b?x=1&{name}={SECRET}"))
    assert listed == [
        f"request.path: {name} looks like a credential, which belongs into the secret, not into this document"
    ]
    assert CrmDocument.parse(document(path=f"/a?x={name}&{name}={{user_id}}")).method == "POST"


@pytest.mark.parametrize("path", [f"https://u:{SECRET}@h/x", f"//u:{SECRET}@h/x", f"HTTP://{SECRET}@h"])
def test_a_password_in_the_url_is_not_shown(path: str) -> None:
    assert SECRET not in "".join(faults(document(path=path)))


@pytest.mark.parametrize("name", ["X-Idempotency-Token", "Idempotency_Token", "X-Auth-Idempotent-Key"])
def test_the_idempotency_header_may_be_called_a_token(name: str) -> None:
    header = {"name": name, "form": "raw"}
    assert CrmDocument.parse(document(idempotency_header=header)).idempotency_header
    assert faults(document(headers={name: "x"}, idempotency_header=header))


@pytest.mark.parametrize(
    "changes",
    [
        {"path": "/" + " " * 100_000},
        {"method": "P" * 100_000},
        {"body": {"a": "{" + "b" * 100_000 + "}"}},
    ],
)
def test_a_long_value_is_shortened(changes: dict[str, Any]) -> None:
    for fault in faults(document(**changes)):
        assert len(fault) < 420
        assert "expected" in fault or "has no" in fault


@pytest.mark.parametrize(
    "body",
    [
        document({"\ud800": 1}),
        success(**{"\udfff": 1}),
        b'{"\\udbff": 1, "\\udbff": 2}',
    ],
)
def test_a_fault_can_be_encoded(body: bytes) -> None:
    assert "\\ud" in "".join(faults(body)).encode().decode()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"api_key": SECRET}, "/api_key"),
        ({"auth": {"Client-Secret": SECRET}}, "/auth/Client-Secret"),
        ([{"accessToken": SECRET}], "/0/accessToken"),
    ],
)
def test_a_credential_in_the_body_is_refused(body: Any, place: str) -> None:
    expected = f"request.body: {place} looks like a credential, which belongs into the secret, not into this document"
    listed = faults(document(body=body))
    assert expected in listed
    assert SECRET not in "".join(listed)


@pytest.mark.parametrize("member", [{"auth_method": "sso"}, {"password": None}, {"secret": ""}, {"a": "api_key"}])
def test_other_members_of_the_body_are_accepted(member: dict[str, Any]) -> None:
    assert CrmDocument.parse(document(path="/{user_id}/{score}", body=member)).body


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "Connection", "Accept-Encoding", "TE"])
def test_a_header_of_the_connection_is_refused(name: str) -> None:
    assert faults(document(headers={name: "x"})) == [
        f"request.headers: {name} is set by the HTTP client and cannot be declared"
    ]


@pytest.mark.parametrize(
    ("headers", "header", "expected"),
    [
        ([], None, "request.headers is not an object"),
        ({"X A": "b"}, None, "request.headers: 'X A' is not the name of a header"),
        ({"": "b"}, None, "request.headers: '' is not the name of a header"),
        ({"X-A": "b", "x-a": "c"}, None, "request.headers: X-A occurs in different cases"),
        ({"X-A": 7}, None, "request.headers: the value of X-A is invalid"),
        ({"X-A": SECRET + "\r\nHost: x"}, None, "request.headers: the value of X-A is invalid"),
        ({"X-A": SECRET + "\u00fc"}, None, "request.headers: the value of X-A is invalid"),
        ({"X-A": ""}, None, "request.headers: the value of X-A is invalid"),
        ({"X-User": "a {user_id}"}, None, "request.headers: the value of X-User has a placeholder, expected a static"),
        ({"X-A": "{score:number}"}, None, "request.headers: the value of X-A has a placeholder"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, None, "request.headers: the value of Content-Type is"),
        ({"content-type": "text/XML; charset=utf-8"}, None, "request.headers: the value of content-type is not for"),
        ({"Content-Type": "multipart/form-data"}, None, "request.headers: the value of Content-Type is not for JSON"),
        ({"KEY": "b"}, {"name": "Key", "form": "raw"}, "request.headers: KEY is the idempotency header"),
        (
            {},
            "Idempotency-Key",
            "request.idempotency_header is invalid, expected an object with name and form",
        ),
        ({}, {"name": "Key"}, "request.idempotency_header is invalid"),
        ({}, {"name": "Key", "form": "base64"}, "request.idempotency_header: form is 'base64', expected raw or quoted"),
        ({}, {"name": "K:", "form": "raw"}, "request.idempotency_header: 'K:' is not the name of a header"),
        ({}, {"name": None, "form": "raw"}, "request.idempotency_header: None is not the name of a header"),
    ],
)
def test_an_impossible_header_is_refused(headers: Any, header: Any, expected: str) -> None:
    listed = faults(document(headers=headers, idempotency_header=header))
    assert any(fault.startswith(expected) for fault in listed)
    assert SECRET not in "".join(listed)


@pytest.mark.parametrize(
    "value", ["application/json; charset=utf-8", "application/vnd.api+json", "text/json", "application/json-patch+json"]
)
def test_a_media_type_of_json_is_accepted(value: str) -> None:
    assert CrmDocument.parse(document(headers={"Content-Type": value, "X-Options": '{"a": 1}'})).headers


@pytest.mark.parametrize("name", ["X-Author", "Accept", "X-Source", "X-Authority-Id", "User-Agent", "X-Keyboard"])
def test_other_headers_are_accepted(name: str) -> None:
    assert CrmDocument.parse(document(headers={name: "a b"})).headers == ((name, "a b"),)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (document([]), "response is not an object, expected success, final, pushback"),
        (document({"ok": [200]}), "unknown key response.ok, expected success, final, pushback"),
        (document({"success": [200]}), "response.success is not an object, expected statuses, pointer"),
        (success(status=[200]), "unknown key response.success.status, expected statuses, pointer, values"),
        (success(pointer="/a"), "response.success has only one of pointer and values"),
        (success(values=["a"]), "response.success has only one of pointer and values"),
        (success(pointer="a", values=["a"]), "response.success.pointer is 'a', expected a JSON pointer"),
        (success(pointer="/a~2", values=["a"]), "response.success.pointer is '/a~2'"),
        (success(pointer=0, values=["a"]), "response.success.pointer is 0"),
        (success(pointer="/a", values=[]), "response.success.values is invalid"),
        (success(pointer="/a", values="ok"), "response.success.values is invalid"),
        (success(pointer="/a", values=[["ok"]]), "response.success.values is invalid"),
        (success(statuses=[]), "response.success.statuses is empty"),
        (
            success(statuses=[200, 204], pointer="/a", values=[1]),
            "response.success.statuses has 204, which has no",
        ),
        (success(statuses=200), "response.success.statuses is not a list, expected a list of statuses"),
        (document({"final": "404"}), "response.final is not a list, expected a list of statuses"),
        (success(statuses=None), "response.success.statuses is not a list, expected a list of statuses"),
        (document({"final": None}), "response.final is not a list"),
        (document({"pushback": None}), "response.pushback is not a list"),
        (document({"final": ["404"]}), "response.final has '404', expected statuses from 200 to 599 except 3xx"),
        (document({"final": [True]}), "response.final has True, expected statuses"),
        (document({"pushback": [302]}), "response.pushback has 302, expected statuses"),
        (document({"pushback": [199, 600]}), "response.pushback has 600, expected statuses"),
        (document({"final": [401]}), "response.final has 401, whose meaning is fixed: credentials are refused"),
        (success(statuses=[407]), "response.success.statuses has 407, whose meaning is fixed"),
        (document({"final": [404, 404]}), "response.final has 404 twice"),
        (document({"final": [429], "pushback": [429]}), "status 429 is in response.final and in response.pushback"),
        (
            document({"success": {"statuses": [409]}, "final": [409]}),
            "status 409 is in response.success.statuses and in response.final",
        ),
    ],
)
def test_impossible_responses_are_refused(body: bytes, expected: str) -> None:
    assert any(fault.startswith(expected) for fault in faults(body))


def test_all_faults_are_reported_at_once() -> None:
    body = document(
        {"final": [401], "success": {"pointer": "x"}}, method="GET", path="{", body={"a": "{b}"}, headers={"Host": "x"}
    )
    for fault in ("method is 'GET'", "path is '{'", "body has {b}", "Host is set", "final has 401", "pointer is 'x'"):
        assert any(fault in each for each in faults(body)), fault

"""Who may update scores: OAuth 2.0 access tokens, their lifetime and faults, static headers, client certificates."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from local import certificates
from local.fake_crm.access.oauth import OAuthClient
from tests.local.fake_crm.client import Client, Start

CLIENT = {"client_id": "push:1", "client_secret": "a secret+&é"}
KNOWN = OAuthClient(client_id="push:1", client_secret=CLIENT["client_secret"])
GRANT = {"grant_type": "client_credentials"}


def fetch(crm: Client, form: dict[str, str] | None = None, **options: Any) -> requests.Response:
    return requests.post(f"{crm.url}/oauth/token", data=CLIENT | GRANT if form is None else form, timeout=10, **options)


def send(crm: Client, token: str) -> int:
    return crm.send(headers={"Authorization": f"Bearer {token}"}).status_code


def test_an_issued_token_updates_a_score(start: Start) -> None:
    crm = start(oauth=KNOWN)
    answer = fetch(crm).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert [send(crm, answer["access_token"]), send(crm, "another"), crm.send().status_code] == [200, 401, 200]
    tokens = crm.stats()["tokens"]
    assert (tokens["requests"], tokens["issued"], tokens["refused"]) == (1, 1, 0)


def test_credentials_in_the_header_are_form_encoded(start: Start) -> None:
    crm = start(oauth=KNOWN)
    encoded = ("push%3A1", "a+secret%2B%26%C3%A9")
    assert fetch(crm, GRANT, auth=encoded).status_code == 200
    assert fetch(crm, GRANT, auth=("push:1", CLIENT["client_secret"].encode())).status_code == 401
    assert fetch(crm, GRANT | CLIENT, auth=encoded).json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("form", "error"),
    [
        (GRANT, "invalid_client"),
        (GRANT | CLIENT | {"client_secret": "x"}, "invalid_client"),
        (CLIENT, "unsupported_grant_type"),
        (GRANT | CLIENT, "invalid_scope"),
        (GRANT | CLIENT | {"scope": "scores", "audience": "other"}, "invalid_request"),
    ],
)
def test_another_token_request_is_refused(start: Start, form: dict[str, str], error: str) -> None:
    crm = start(oauth=replace(KNOWN, scope="scores", audience="crm"))
    assert fetch(crm, form).json()["error"] == error
    assert fetch(crm, GRANT | CLIENT | {"scope": "scores", "audience": "crm"}).status_code == 200


def test_a_token_ends_after_its_lifetime(start: Start) -> None:
    crm = start(oauth=replace(KNOWN, expires_in=0.3))
    token = fetch(crm).json()["access_token"]
    assert send(crm, token) == 200
    time.sleep(0.35)
    assert send(crm, token) == 401
    assert crm.stats()["tokens"]["calls_with_expired"] == 1


def test_a_revoked_token_ends_early(start: Start) -> None:
    crm = start(oauth=replace(KNOWN, expires_in=0.5))
    crm.request("PUT", "/_crm/token-faults", json={"revoked": True, "first": 1}).raise_for_status()
    token, lasting = (fetch(crm).json()["access_token"] for _ in "ab")
    while send(crm, token) == 200:
        time.sleep(0.01)
    assert send(crm, lasting) == 200
    assert crm.stats()["tokens"] == {
        "requests": 2,
        "issued": 2,
        "refused": 0,
        "calls_with_expired": 0,
        "calls_refused_early": 1,
    }


def test_the_token_endpoint_has_faults_of_its_own(start: Start) -> None:
    crm = start(oauth=KNOWN)
    for fault, expected in (({"down": True}, 503), ({"status": 200, "body": "<html>"}, 200)):
        crm.request("PUT", "/_crm/token-faults", json=fault).raise_for_status()
        response = fetch(crm)
        assert (response.status_code, "access_token" in response.text) == (expected, False)
    crm.request("DELETE", "/_crm/token-faults").raise_for_status()
    assert send(crm, fetch(crm).json()["access_token"]) == 200


def test_static_headers_can_be_the_credentials(start: Start) -> None:
    crm = start(credential_headers={"X-Api-Key": "k", "X-Tenant": "t"})
    assert crm.send(headers={"X-Api-Key": "k", "X-Tenant": "t"}).status_code == 200
    assert [crm.send(headers={"X-Api-Key": "k"}).status_code, crm.send().status_code] == [401, 401]


def test_a_client_certificate_can_be_required(start: Start, tmp_path: Path) -> None:
    root, stranger = certificates.authority("root"), certificates.authority("stranger")
    context = certificates.server_context(tmp_path, certificates.issue("127.0.0.1", root), client_authority=root)
    crm = start(tls=context)
    verify = str(certificates.write(tmp_path / "root.pem", root))
    statuses: list[int | None] = []
    for issuer in (root, stranger, None):
        files = None
        if issuer:
            client = certificates.issue("push-job", issuer)
            files = (
                str(certificates.write(tmp_path / "client.pem", client)),
                str(certificates.write_key(tmp_path / "client.key", client)),
            )
        try:
            statuses.append(requests.get(f"{crm.url}/_crm/stats", verify=verify, cert=files, timeout=10).status_code)
        except requests.ConnectionError:
            statuses.append(None)
    assert statuses == [200, None, None]

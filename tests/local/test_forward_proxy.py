"""The forward proxy: tunnels, forwarded requests, credentials, and names that only it resolves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from local import certificates
from local.processes import running_service

USER, PASSWORD = "push", "a-password"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxy")


@pytest.fixture(scope="module")
def crm(folder: Path) -> Iterator[str]:
    with running_service("local.fake_crm", [], folder / "crm.log", {"CRM_TOKEN": "t"}) as url:
        yield url


@pytest.fixture(scope="module")
def tls_crm(folder: Path) -> Iterator[str]:
    root = certificates.authority("root")
    server = certificates.issue("crm.test", root)
    options = ["--tls-certificate", str(certificates.write(folder / "crm.pem", server))]
    options += ["--tls-key", str(certificates.write_key(folder / "crm.key", server))]
    certificates.write(folder / "root.pem", root)
    with running_service("local.fake_crm", options, folder / "tls.log", {"CRM_TOKEN": "t"}) as url:
        yield url


@pytest.fixture
def proxy(folder: Path, crm: str, tls_crm: str) -> Iterator[str]:
    log = folder / "proxy.log"
    names = [f"plain.test={crm.removeprefix('http://')}", f"crm.test={tls_crm.removeprefix('https://')}"]
    options = [option for name in names for option in ("--resolve", name)]
    with running_service("local.forward_proxy", options, log, {"PROXY_CREDENTIALS": f"{USER}:{PASSWORD}"}) as url:
        yield url
    assert log.read_text() == ""


def get(url: str, proxy: str, user: str = f"{USER}:{PASSWORD}@", **options: Any) -> int:
    through = proxy.replace("//", f"//{user}")
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, proxies={"http": through, "https": through}, timeout=10, **options).status_code


def test_it_forwards_and_tunnels_and_counts(proxy: str, folder: Path) -> None:
    assert get("http://plain.test/_crm/stats", proxy) == 200
    assert get("http://plain.test/_crm/state?a=b", proxy) == 401
    assert get("https://crm.test/_crm/stats", proxy, verify=str(folder / "root.pem")) == 200
    stats = requests.get(f"{proxy}/_proxy/stats", timeout=10).json()
    assert stats == {"targets": {"plain.test:80": 2, "crm.test:443": 1}, "refused": {}}


@pytest.mark.parametrize("user", ["", "push:wrong@", f"other:{PASSWORD}@"])
def test_other_credentials_are_refused(proxy: str, user: str) -> None:
    assert get("http://plain.test/_crm/stats", proxy, user) == 407
    with pytest.raises(requests.exceptions.ProxyError, match="407"):
        get("https://crm.test/_crm/stats", proxy, user)


@pytest.mark.parametrize(("url", "status"), [("http://other.test/", 403), ("http://127.0.0.1:9/", 502)])
def test_unknown_and_unreachable_targets_are_refused(proxy: str, url: str, status: int) -> None:
    assert get(url, proxy) == status


def test_a_body_is_forwarded(proxy: str) -> None:
    body = {"user_id": "U1", "engagement_score": "1.00"}
    through = {"http": proxy.replace("//", f"//{USER}:{PASSWORD}@")}
    headers = {"Authorization": "Bearer t"}
    url = "http://plain.test/api/v1/update-score"
    assert requests.post(url, json=body, headers=headers, proxies=through, timeout=10).status_code == 200

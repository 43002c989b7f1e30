"""The CRM check against real servers on the loopback interface."""

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from engagement.checks.crm_connection import CrmNetwork
from engagement.checks.crm_probe import check_base_url, check_reachable
from engagement.contract.errors import BadBaseUrlError, CrmUnavailableError
from local import certificates

DIRECT = CrmNetwork()


@contextmanager
def serving(
    status: int, headers: dict[str, str] | None = None, tls: ssl.SSLContext | None = None, body: bytes = b""
) -> Iterator[tuple[str, list[str]]]:
    """Serve one status. Yields the base URL and the requests received."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append(f"{self.command} {self.path} {self.headers.get('Authorization')}")
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe_socket:
        probe_socket.bind(("127.0.0.1", 0))
        return int(probe_socket.getsockname()[1])


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 405, 415, 429])
def test_a_status_below_500_counts_as_reachable(status: int) -> None:
    with serving(status) as (base_url, received):
        assert check_reachable(base_url, DIRECT, allow_http=True).status == status
    assert received == ["GET /api/v1/update-score None"]


def test_the_path_is_appended_to_the_base_url() -> None:
    with serving(405) as (base_url, received):
        check_reachable(f"{base_url}/crm/", DIRECT, allow_http=True)
    assert received == ["GET /crm/api/v1/update-score None"]


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_reported(status: int) -> None:
    with serving(status) as (base_url, _), pytest.raises(CrmUnavailableError) as raised:
        check_reachable(base_url, DIRECT, allow_http=True)
    message = f"HTTP {status}, the CRM responds but is not healthy"
    assert str(raised.value) == f"GET {base_url}/api/v1/update-score: {message}"


PAGE = b"<!DOCTYPE html><html><title>Sign in</title>" + b"x" * 100_000


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PAGE, {"Content-Type": "text/html"}),
        (b"\xef\xbb\xbf\r\n  <html>", {"Content-Type": "application/json"}),
        (b"<?xml version='1.0'?><error/>", {}),
        ("<HTML>".encode("utf-16"), {}),
        (gzip.compress(PAGE), {"Content-Encoding": "gzip"}),
    ],
    ids=["page", "labeled as JSON", "XML", "UTF-16", "gzip"],
)
@pytest.mark.parametrize("status", [200, 203])
def test_a_web_page_is_not_an_api(status: int, body: bytes, headers: dict[str, str]) -> None:
    with serving(status, headers, body=body) as (base_url, _), pytest.raises(CrmUnavailableError) as raised:
        check_reachable(base_url, DIRECT, allow_http=True)
    url = f"GET {base_url}/api/v1/update-score"
    assert str(raised.value).startswith(f"{url}: HTTP {status} with a web page in place of an API's response; base_url")


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (404, PAGE, {"Content-Type": "text/html"}),
        (405, PAGE, {"Content-Type": "text/html"}),
        (401, b"<html>", {}),
        (200, b'{"status": "<html>"}', {"Content-Type": "text/html"}),
        (200, b"", {"Content-Type": "text/html"}),
        (200, b"< 5 ms", {}),
        (200, b"no gzip", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_bodies_say_nothing_about_the_url(status: int, body: bytes, headers: dict[str, str]) -> None:
    # Servers answer a GET that they do not know with an error page, whatever they answer to a POST.
    with serving(status, headers, body=body) as (base_url, _):
        assert check_reachable(base_url, DIRECT, allow_http=True).status == status


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    with serving(200) as (elsewhere, requests), serving(status, {"Location": elsewhere}) as (base_url, _):
        with pytest.raises(CrmUnavailableError, match=f"HTTP {status} redirects to {elsewhere}; redirects are never"):
            check_reachable(base_url, DIRECT, allow_http=True)
        assert requests == []


def test_a_refused_connection_is_reported(free_port: int) -> None:
    with pytest.raises(CrmUnavailableError, match=r"update-score: connection refused; nothing listens there$"):
        check_reachable(f"http://127.0.0.1:{free_port}", DIRECT, allow_http=True)


def test_an_unknown_host_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(CrmUnavailableError, match=r"the host name cannot be resolved; check base_url and DNS$"):
        check_reachable("https://crm.invalid", DIRECT, allow_http=False)


def test_a_missing_response_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CrmUnavailableError, match=r"no response within 0.2 s of connecting$"):
            check_reachable(f"http://127.0.0.1:{port}", DIRECT, allow_http=True, timeout=(1, 0.2))


def test_a_connection_timeout_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("urllib3.util.connection.create_connection", slow)
    with pytest.raises(CrmUnavailableError, match=r"no connection within 5 s; check firewall, security group and NAT"):
        check_reachable("http://127.0.0.1:1", DIRECT, allow_http=True)


def test_a_closed_connection_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def close_connection() -> None:
            connection, _ = server.accept()
            connection.recv(4096)
            connection.close()

        thread = threading.Thread(target=close_connection)
        thread.start()
        with pytest.raises(CrmUnavailableError, match=r"no response \(Remote end closed connection"):
            check_reachable(f"http://127.0.0.1:{server.getsockname()[1]}", DIRECT, allow_http=True)
        thread.join()


def test_a_refused_certificate_is_described(tmp_path: Path) -> None:
    ours, other = certificates.authority("ours"), certificates.authority("another")
    context = certificates.server_context(tmp_path, certificates.issue("127.0.0.1", other), other)
    way = CrmNetwork(ca_pem=certificates.pem(ours).decode())
    with serving(200, tls=context) as (base_url, received), pytest.raises(CrmUnavailableError) as raised:
        check_reachable(base_url, way, allow_http=False)
    problem = "the certificate is from an authority that Airflow does not know (self-signed certificate in certificate"
    assert str(raised.value).startswith(
        f"GET {base_url}/api/v1/update-score: {problem} chain); check base_url, or name a"
    )
    assert received == []


def test_a_trusted_certificate_is_accepted(tmp_path: Path) -> None:
    ours = certificates.authority("ours")
    context = certificates.server_context(tmp_path, certificates.issue("127.0.0.1", ours))
    way = CrmNetwork(ca_pem=certificates.pem(ours).decode())
    with serving(405, tls=context) as (base_url, _):
        assert check_reachable(base_url, way, allow_http=False).status == 405


def test_authorities_of_requests_are_not_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ours = certificates.authority("ours")
    bundle = certificates.write(tmp_path / "certifi.pem", ours)
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(bundle))
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    context = certificates.server_context(tmp_path, certificates.issue("127.0.0.1", ours))
    with serving(200, tls=context) as (base_url, received):
        with requests.get(base_url, timeout=5):  # trusts them
            pass
        with pytest.raises(CrmUnavailableError, match="from an authority that Airflow does not know"):
            check_reachable(base_url, DIRECT, allow_http=False)
    assert len(received) == 1


def test_a_port_without_tls_is_reported() -> None:
    with serving(200) as (base_url, _), pytest.raises(CrmUnavailableError) as raised:
        check_reachable(base_url.replace("http:", "https:"), DIRECT, allow_http=False)
    assert "no TLS connection (" in str(raised.value)
    assert "check that base_url names a port with TLS" in str(raised.value)


@pytest.mark.parametrize(
    ("base_url", "message"),
    [
        ("http://crm.example.com", "expected https,"),
        ("https://user:hunter2@crm.example.com", "user name or password"),
        ("https://token@crm.example.com", "user name or password"),
        ("https://crm.example.com/?a=1", "expected a URL without"),
        ("https://crm.example.com/#x", "expected a URL without"),
        ("https://crm.example.com?", "expected a URL without"),
        ("ftp://crm.example.com", "expected https:// and a host name"),
        ("https://", "expected https:// and a host name"),
        ("crm.example.com", "expected https:// and a host name"),
    ],
)
def test_unsafe_or_malformed_urls_are_rejected(base_url: str, message: str) -> None:
    with pytest.raises(BadBaseUrlError, match=message) as raised:
        check_base_url(base_url, allow_http=False)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("base_url", "allow_http"), [("https://crm.example.com/v2", False), ("http://127.0.0.1:1", True)]
)
def test_valid_urls_are_accepted(base_url: str, allow_http: bool) -> None:
    check_base_url(base_url, allow_http=allow_http)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {}, PAGE),
        (301, {"Location": "https://www.example.com/"}, b""),
        (404, {}, b""),
        (401, {}, b""),
    ],
)
def test_another_document_says_nothing_about_the_url(status: int, headers: dict[str, str], body: bytes) -> None:
    with serving(status, headers, body=body) as (base_url, received):
        check = check_reachable(f"{base_url}/v2", DIRECT, allow_http=True, has_default_document=False)
    assert (check.status, check.warning) == (status, "")
    assert received == ["GET /v2 None"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_red_with_any_document(status: int) -> None:
    with serving(status) as (base_url, _), pytest.raises(CrmUnavailableError, match="responds but is not healthy"):
        check_reachable(base_url, DIRECT, allow_http=True, has_default_document=False)


@pytest.mark.parametrize(("default", "others"), [(True, 0), (False, 1)])
def test_it_names_what_it_does_not_check(default: bool, others: int) -> None:
    with serving(405) as (base_url, _):
        check = check_reachable(base_url, DIRECT, allow_http=True, has_default_document=default)
    assert "the secret, which Airflow may not read" in check.not_checked[0]
    assert len(check.not_checked) == 1 + others

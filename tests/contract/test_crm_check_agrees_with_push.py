"""The check of the CRM is green exactly when the push can connect, whatever the environment of both says."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engagement.checks.crm_connection import CrmNetwork
from engagement.checks.crm_probe import CrmCheck, check_reachable
from engagement.contract.errors import CrmUnavailableError
from local import certificates
from local.aws_emulator.emulator_settings import default_glue_python
from local.processes import REPOSITORY
from tests.support.blocking_server import blocking_server
from tests.support.push_access import fail_to_resolve
from tests.support.scripted_proxy import ScriptedProxy, scripted_proxy

ROOT, OTHER = certificates.authority("root"), certificates.authority("another")
INTERMEDIATE = certificates.authority("intermediate", ROOT)
CLIENT = certificates.issue("the job", ROOT)
OURS, THEIRS = (certificates.pem(each).decode() for each in (ROOT, OTHER))
CERTIFICATE = {
    "token": "t",
    "client_certificate": certificates.pem(CLIENT).decode(),
    "client_key": certificates.key_pem(CLIENT).decode(),
}
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
RESPONSE = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Case:
    """A CRM and a way to it.

    :param crm: kind of server, see `serving`
    :param proxy: options of the proxy; None for no proxy, empty for one that connects
    :param no_proxy: `PORT` stands for the CRM's port
    :param expected: a part of the push's error; empty if it connects
    :param reported: a part of what the check reports: its error, or its warning
    """

    name: str
    crm: str = "tls"
    proxy: Mapping[str, Any] | None = None
    no_proxy: str = ""
    ca_pem: str | None = OURS
    secret: Mapping[str, str] = field(default_factory=lambda: {"token": "t"})
    host: str = "127.0.0.1"
    resolves: bool = True
    expected: str = ""
    reported: str = ""


def direct(name: str, no_proxy: str, expected: str = "", reported: str = "", **options: Any) -> Case:
    """Return a case with a proxy that cannot be reached."""
    return Case(name, proxy={"port": "closed"}, no_proxy=no_proxy, expected=expected, reported=reported, **options)


CASES = [
    Case("authority in ca_uri"),
    Case("several authorities in ca_uri", ca_pem=THEIRS + OURS),
    Case("no ca_uri", ca_pem=None, expected="authority that this job does not", reported="that Airflow does not know"),
    Case("other ca_uri", ca_pem=THEIRS, expected="authority that this job does not", reported="that Airflow does not"),
    Case("expired", "expired", expected="has expired or is not valid yet", reported="is not valid today"),
    Case("wrong name", "wrong name", expected="for another host name", reported="for another host name"),
    Case("no intermediate", "no intermediate", expected="the intermediate", reported="intermediate certificate"),
    Case("no TLS", "plain as https", expected="the TLS handshake with", reported="no TLS connection"),
    Case("nothing listens", "closed", expected="refused the connection", reported="connection refused"),
    Case("DNS", host="crm.test", resolves=False, expected="cannot be resolved", reported="cannot be resolved"),
    Case("mutual TLS 1.2", "mutual 1.2", secret=CERTIFICATE, reported="ended the TLS handshake"),
    Case("mutual TLS 1.3", "mutual 1.3", secret=CERTIFICATE, reported="ended the TLS handshake"),
    Case("plain http", "plain", ca_pem=None),
    Case("proxy", host="crm.test", proxy={}),
    Case("proxy of plain http", "plain", host="crm.test", proxy={}),
    Case("https proxy", host="crm.test", proxy={"tls": ROOT}),
    Case(
        "proxy with a password",
        proxy={"credentials": "u:p"},
        secret={"token": "t", "proxy_user": "u", "proxy_password": "p"},
        reported="407",
    ),
    Case(
        "plain http, proxy with a password",
        "plain",
        proxy={"credentials": "u:p"},
        secret={"token": "t", "proxy_user": "u", "proxy_password": "p"},
        reported="407",
    ),
    Case("proxy, mutual TLS", "mutual 1.3", proxy={}, secret=CERTIFICATE, reported="ended the TLS handshake"),
    Case(
        "proxy, no ca_uri", proxy={}, ca_pem=None, expected="authority that this job", reported="Airflow does not know"
    ),
    Case("proxy, no intermediate", "no intermediate", proxy={}, expected="the intermediate", reported="intermediate"),
    Case("proxy, nothing listens", "closed", proxy={}, expected="the proxy", reported="no response"),
    Case("proxy refuses", proxy={"answer": FORBIDDEN}, expected="(HTTP 403)", reported="HTTP 403"),
    Case("proxy cannot connect", proxy={"answer": BAD_GATEWAY}, expected="(HTTP 502)", reported="HTTP 502"),
    Case("proxy closes", proxy={"answer": b""}, expected="the proxy", reported="no response"),
    Case("proxy answers garbage", proxy={"answer": b"garbage\r\n\r\n"}, expected="the proxy", reported="no response"),
    Case(
        "https proxy, unknown authority",
        proxy={"tls": OTHER},
        expected="the proxy",
        reported="TLS connection to the proxy",
    ),
    Case("proxy unreachable", proxy={"port": "closed"}, expected="the proxy", reported="no connection to the proxy"),
    Case(
        "proxy unreachable, plain http",
        "plain",
        proxy={"port": "closed"},
        expected="the proxy",
        reported="to the proxy",
    ),
    Case(
        "proxy without DNS",
        proxy={"host": "proxy.test"},
        resolves=False,
        expected="the proxy",
        reported="name of the proxy",
    ),
    direct("no_proxy: address", "127.0.0.1"),
    direct("no_proxy: address and port", "127.0.0.1:PORT"),
    direct("no_proxy: network", "10.0.0.0/8, 127.0.0.0/8"),
    direct("no_proxy: all", "*"),
    direct("no_proxy: name", "localhost", host="localhost"),
    direct("no_proxy: suffix", ".test,.localhost", host="localhost"),
    direct("no_proxy: other port", "127.0.0.1:1", "the proxy", "to the proxy"),
    direct("no_proxy: other network", "10.0.0.0/8", "the proxy", "to the proxy"),
    direct("no_proxy: other name", "ocalhost", "the proxy", "to the proxy", host="localhost"),
]


@contextlib.contextmanager
def serving(kind: str, folder: Path, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve a CRM until the block ends; yield the port.

    :param host: name in the certificate
    """
    if kind == "closed":
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            yield int(unused.getsockname()[1])
        return
    with blocking_server(RESPONSE, None if kind.startswith("plain") else _context(kind, folder, host)) as server:
        yield server.port


def _context(kind: str, folder: Path, host: str) -> ssl.SSLContext:
    days = (-3, -1) if kind == "expired" else certificates.TODAY
    issuer = INTERMEDIATE if kind == "no intermediate" else ROOT
    issued = certificates.issue("other.test" if kind == "wrong name" else host, issuer, days)
    client_authority = ROOT if kind.startswith("mutual") else None
    context = certificates.server_context(folder, issued, client_authority=client_authority)
    if kind == "mutual 1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@dataclass(frozen=True)
class Sides:
    """The push's client, and a proxy that no client may use.

    :param push: checks the access as the push does; returns the error, None if there is none
    """

    push: Callable[[dict[str, Any]], str | None]
    trap: ScriptedProxy


@pytest.fixture(scope="module", params=["plain", "hostile"])
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Both clients, with and without variables of the environment that lead elsewhere."""
    home = tmp_path_factory.mktemp("home")
    names = (
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
    )
    with scripted_proxy() as trap, pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        for name in names:
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        if request.param == "hostile":
            both = certificates.write(home / "both.pem", ROOT, OTHER)
            (home / ".netrc").write_text("default login someone password secret\n")
            patch.setenv("HOME", str(home))
            patch.setenv("NO_PROXY", "nothing.example")
            for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"):
                patch.setenv(name, trap.url)
            for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
                patch.setenv(name, str(both))
        process = stack.enter_context(
            subprocess.Popen(
                [default_glue_python(), "-m", "tests.support.push_access"],
                cwd=REPOSITORY,
                env=os.environ | {"PYTHONPATH": str(REPOSITORY / "glue_jobs")},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        assert process.stdin is not None
        assert process.stdout is not None
        questions, answers = process.stdin, process.stdout

        def push(case: dict[str, Any]) -> str | None:
            questions.write(json.dumps(case) + "\n")
            questions.flush()
            answer: str | None = json.loads(answers.readline())
            return answer

        yield Sides(push, trap)


@contextlib.contextmanager
def proxy_of(case: Case, folder: Path) -> Iterator[str]:
    """Run the proxy of a case; yield its URL, empty without one."""
    if case.proxy is None:
        yield ""
    elif "host" in case.proxy:
        yield f"http://{case.proxy['host']}:3128"
    elif "port" in case.proxy:
        with serving("closed", folder) as port:
            yield f"http://127.0.0.1:{port}"
    else:
        options = dict(case.proxy)
        if "tls" in options:
            folder.mkdir()
            options["tls"] = certificates.server_context(folder, certificates.issue("localhost", options["tls"]))
        with scripted_proxy(**options) as proxy:
            yield proxy.url


def check(url: str, way: CrmNetwork) -> CrmCheck | str:
    try:
        return check_reachable(url, way, allow_http=True, timeout=(2, 4))
    except CrmUnavailableError as error:
        return str(error)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_check_is_green_exactly_if_the_push_connects(
    sides: Sides, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(case.crm, tmp_path, case.host) as port, proxy_of(case, tmp_path / "proxy") as proxy_url:
        scheme = "http" if case.crm == "plain" else "https"
        way = CrmNetwork(proxy_url, case.no_proxy.replace("PORT", str(port)), case.ca_pem)
        url = f"{scheme}://{case.host}:{port}"
        settings = {"proxy_url": proxy_url, "no_proxy": way.no_proxy, "ca_pem": case.ca_pem}
        pushed = sides.push({"url": url, "secret": json.dumps(case.secret), "resolves": case.resolves, **settings})
        if not case.resolves:
            monkeypatch.setattr(socket, "getaddrinfo", fail_to_resolve)
        checked = check(url, way)
    is_green = isinstance(checked, CrmCheck)
    assert is_green == (pushed is None) == (not case.expected), (checked, pushed)
    assert case.expected in (pushed or "")
    text = checked.warning if isinstance(checked, CrmCheck) else checked
    assert case.reported in text
    assert bool(text) == bool(case.reported), text
    assert sides.trap.requests == []

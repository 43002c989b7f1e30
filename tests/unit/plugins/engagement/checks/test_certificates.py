"""Each problem of a certificate has its own message, measured with real handshakes."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from engagement.checks.certificates import describe_problem
from engagement.checks.crm_connection import CrmNetwork, sent_certificates
from engagement.contract.network import tls_context
from local.certificates import Issued, authority, issue, pem, server_context

HOST = "127.0.0.1"
ROOT = authority("known root")
INTERMEDIATE = authority("intermediate of the known root", ROOT)
OTHER_ROOT = authority("unknown root")
OTHER_INTERMEDIATE = authority("intermediate of the unknown root", OTHER_ROOT)
DATES = "the certificate is not valid today"
NAME = "the certificate is for another host name"
AUTHORITY = "the certificate is from an authority that Airflow does not know"
CHAIN = "the server sends its own certificate only"


@contextlib.contextmanager
def tls_server(context: ssl.SSLContext, handshakes: int) -> Iterator[int]:
    """Serve so many handshakes and nothing else; yield the port."""
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            for _ in range(handshakes):
                connection, _ = server.accept()
                with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        yield int(server.getsockname()[1])
        thread.join()


def trusting() -> ssl.SSLContext:
    return tls_context(pem(ROOT).decode())


def sent_by(port: int) -> Callable[[], Sequence[Mapping[str, object]]]:
    return lambda: sent_certificates(CrmNetwork(), f"https://{HOST}:{port}", 5.0)


def refused(port: int) -> ssl.SSLCertVerificationError:
    """Return the error of a client that knows ROOT only."""
    known = trusting()
    with socket.create_connection((HOST, port)) as connection, pytest.raises(ssl.SSLCertVerificationError) as raised:
        known.wrap_socket(connection, server_hostname=HOST)
    return raised.value


@pytest.mark.parametrize(
    ("sent", "expected", "handshakes"),
    [
        ([issue(HOST, INTERMEDIATE, (-3, -1)), INTERMEDIATE], DATES, 1),
        ([issue(HOST, INTERMEDIATE, (1, 3)), INTERMEDIATE], DATES, 1),
        ([issue("10.0.0.1", INTERMEDIATE), INTERMEDIATE], NAME, 1),
        ([issue("crm.example.com", ROOT)], NAME, 1),
        ([issue(HOST)], AUTHORITY, 1),
        ([issue(HOST, OTHER_ROOT), OTHER_ROOT], AUTHORITY, 1),
        ([issue(HOST, OTHER_INTERMEDIATE), OTHER_INTERMEDIATE], AUTHORITY, 2),
        ([issue(HOST, OTHER_ROOT)], AUTHORITY, 2),
        ([issue(HOST, INTERMEDIATE)], CHAIN, 2),
        ([issue(HOST, OTHER_INTERMEDIATE, issuer_url="http://ca.example.com/1.crt")], CHAIN, 2),
    ],
    ids=[
        "expired",
        "later",
        "address",
        "name",
        "self-signed",
        "root",
        "unknown intermediate",
        "unknown root",
        "no intermediate of a known organization",
        "no intermediate of a public authority",
    ],
)
def test_each_problem_has_its_message(tmp_path: Path, sent: list[Issued], expected: str, handshakes: int) -> None:
    with tls_server(server_context(tmp_path, *sent), handshakes) as port:
        error = refused(port)
        text = describe_problem(error, sent_by(port), trusting())
    assert text.startswith(f"{expected} ({error.verify_message.rstrip('.')})")


def test_an_unreadable_chain_is_no_evidence(tmp_path: Path) -> None:
    with tls_server(server_context(tmp_path, issue(HOST, INTERMEDIATE)), 1) as port:
        error = refused(port)
    assert describe_problem(error, sent_by(port), trusting()).startswith(AUTHORITY)  # the server is gone


def test_other_problems_are_shown_as_openssl_names_them(tmp_path: Path) -> None:
    with tls_server(server_context(tmp_path, issue(HOST)), 1) as port:
        error = refused(port)
    error.verify_code, error.verify_message = 23, "certificate revoked"
    assert (
        describe_problem(error, sent_by(port), trusting())
        == "no TLS connection (certificate revoked); check the certificate"
    )

"""Client certificates: against servers that demand one, in a file that is private and gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engagement_jobs.contract.errors import SecretError, UnsentError
from engagement_jobs.crm_client.authentication import client_certificate
from engagement_jobs.crm_client.authentication.client_certificate import load_client_certificate
from engagement_jobs.crm_client.authentication.secret import ClientCertificate
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.transport.network import Network
from local import certificates
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import GOOD, RawServer, ReceivedRequest, raw_server

ROOT = certificates.authority("root")
INTERMEDIATE = certificates.authority("intermediate", ROOT)
SERVER = certificates.issue("localhost", ROOT)
FIRST, SECOND = certificates.issue("first", ROOT), certificates.issue("second", INTERMEDIATE)
STRANGER = certificates.issue("stranger", certificates.authority("stranger"))
NETWORK = Network(ca_pem=certificates.pem(ROOT).decode())


def certificate_of(issued: certificates.Issued, *chain: certificates.Issued) -> ClientCertificate:
    return ClientCertificate(certificates.pem(issued, *chain).decode(), certificates.key_pem(issued).decode())


def secret_of(certificate: ClientCertificate | None, **other: str) -> str:
    keys = {"client_certificate": certificate.certificate, "client_key": certificate.key} if certificate else {}
    return json.dumps({**keys, **other})


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Folder in which the file is written."""
    monkeypatch.setattr(client_certificate, "_MEMORY", tmp_path)
    return tmp_path


class WatchedContext:
    """Takes the place of a TLS context, and notes the files that it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.modes: list[str] = []
        self.text = ""

    def load_cert_chain(self, path: Path, password: str) -> None:
        assert password == ""
        self.modes = [stat.filemode(each.stat().st_mode) for each in (path, path.parent)]
        self.text = path.read_text()
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, ssl.SSLError(1, "in the file"), OSError("no"), MemoryError()])
def test_file_is_private_and_deleted_in_any_case(folder: Path, error: Exception | None) -> None:
    certificate, context = certificate_of(FIRST), WatchedContext(error)
    if error is None:
        load_client_certificate(context, certificate)  # type: ignore[arg-type]
    else:
        with pytest.raises(SecretError if isinstance(error, ssl.SSLError) else type(error)):
            load_client_certificate(context, certificate)  # type: ignore[arg-type]
    assert context.modes == ["-rw-------", "drwx------"]
    assert context.text == certificate.certificate + certificate.key
    assert list(folder.iterdir()) == []


def test_file_is_elsewhere_if_memory_is_not_writable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(client_certificate, "_MEMORY", tmp_path / "none")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    context = ssl.create_default_context()
    load_client_certificate(context, certificate_of(FIRST))
    assert list(tmp_path.iterdir()) == []


OTHER_KEY = certificates.key_pem(SECOND).decode()
NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\naHVzaC05ZjM=\n-----END CERTIFICATE-----\n"
NO_KEY = "-----BEGIN PRIVATE KEY-----\naHVzaC05ZjM=\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("certificate", "problem"),
    [
        (
            ClientCertificate(certificate_of(FIRST).certificate, OTHER_KEY),
            '"client_key" of the CRM secret is not the key of "client_certificate"',
        ),
        (ClientCertificate(NO_CERTIFICATE, OTHER_KEY), "is damaged or too weak: OpenSSL reports an error"),
        (
            ClientCertificate(certificate_of(FIRST).certificate, NO_KEY),
            "is damaged or too weak: OpenSSL reports an error",
        ),
    ],
)
def test_unusable_certificate_is_refused(folder: Path, certificate: ClientCertificate, problem: str) -> None:
    with pytest.raises(SecretError) as caught:
        load_client_certificate(ssl.create_default_context(), certificate)
    assert problem in str(caught.value)
    assert not any(text in str(caught.value) for text in ("aHVz", "hush", str(folder)))
    assert list(folder.iterdir()) == []


def demanding(folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Return the context of a server that demands a certificate of the root authority."""
    folder.mkdir(exist_ok=True)
    context = certificates.server_context(folder, SERVER, client_authority=ROOT)
    context.minimum_version = context.maximum_version = version
    return context


def send(
    context: ssl.SSLContext, secrets: list[str], steps: Callable[[CrmHttpClient], Any]
) -> tuple[RawServer, list[str]]:
    """Run steps with a client whose secret is these texts in turn; return the server and the names of its clients."""
    names: list[str] = []

    async def note(request: ReceivedRequest) -> None:
        subject = request.certificate["subject"]
        names.extend(value for ((kind, value),) in subject if kind == "commonName")
        await request.write(GOOD)

    async def read() -> str:
        return secrets.pop(0)

    async def main() -> RawServer:
        async with raw_server(note, context) as server:
            template = template_for(f"https://localhost:{server.port}/")
            async with CrmHttpClient(template, read, 5, NETWORK) as client:
                await client.read_token()
                await steps(client)
            return server

    return asyncio.run(main()), names


VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["client_certificate", "bearer"])
def test_server_that_demands_a_certificate_gets_it(folder: Path, version: ssl.TLSVersion, kind: str) -> None:
    token = {"token": "t"} if kind == "bearer" else {}

    async def steps(client: CrmHttpClient) -> None:
        for fresh in (False, False, True):
            assert (await client.send(request_of(client), fresh_connection=fresh)).status == 200

    secret = secret_of(certificate_of(SECOND, INTERMEDIATE), type=kind, **token)
    server, names = send(demanding(folder / "server", version), [secret], steps)
    assert names == ["second"] * 3
    assert all((b"Authorization: Bearer t" in request) == (kind == "bearer") for request in server.requests)
    assert [path.name for path in folder.iterdir()] == ["server"]


def refuse_one(listening: socket.socket, context: ssl.SSLContext, received: list[bytes]) -> None:
    """Refuse the certificate of one client with an alert, which asyncio does not always send."""
    connection, _ = listening.accept()
    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
        tls.settimeout(5)
        with contextlib.suppress(ssl.SSLError):
            tls.do_handshake()
            received.append(tls.recv(1))
        with socket.socket(fileno=tls.detach()) as plain:
            plain.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                plain.settimeout(5)
                while plain.recv(4096):
                    pass


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("certificate", [None, certificate_of(STRANGER), certificate_of(SECOND)])
def test_refused_certificate_sends_nothing(
    tmp_path: Path, version: ssl.TLSVersion, certificate: ClientCertificate | None
) -> None:
    async def read() -> str:
        return secret_of(certificate, token="t")

    async def main(listening: socket.socket) -> None:
        template = template_for(f"https://localhost:{listening.getsockname()[1]}/")
        context = demanding(tmp_path, version)
        server = asyncio.create_task(asyncio.to_thread(refuse_one, listening, context, received))
        async with CrmHttpClient(template, read, 5, NETWORK) as client:
            await client.read_token()
            with pytest.raises(UnsentError, match=r"^tls_client_certificate$"):
                await client.send(request_of(client))
        await server

    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asyncio.run(main(listening))
    assert received == []


@pytest.mark.parametrize("version", VERSIONS)
def test_changed_certificate_is_used_for_new_connections(tmp_path: Path, version: ssl.TLSVersion) -> None:
    secrets = [
        secret_of(certificate, token="t")
        for certificate in (certificate_of(FIRST), certificate_of(FIRST), certificate_of(SECOND, INTERMEDIATE))
    ]

    async def steps(client: CrmHttpClient) -> None:
        await client.send(request_of(client))
        assert not await client.refresh_token()
        await client.send(request_of(client))
        assert await client.refresh_token()
        assert client.token_version == 1
        await client.send(request_of(client))

    server, names = send(demanding(tmp_path, version), secrets, steps)
    assert names == ["first", "first", "second"]
    assert server.connections == 2


def test_request_in_flight_survives_a_changed_certificate(tmp_path: Path) -> None:
    secrets = [secret_of(certificate_of(FIRST), token="t"), secret_of(certificate_of(SECOND, INTERMEDIATE), token="t")]

    async def steps(client: CrmHttpClient) -> None:
        in_flight = asyncio.create_task(client.send(request_of(client)))
        await asyncio.sleep(0)
        assert await client.refresh_token()
        assert (await in_flight).status == 200

    assert send(demanding(tmp_path, ssl.TLSVersion.TLSv1_3), secrets, steps)[1] == ["first"]

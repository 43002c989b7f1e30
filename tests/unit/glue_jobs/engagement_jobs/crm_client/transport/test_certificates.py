"""Certificates that the job does not accept, each on a real TLS server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID
from yarl import URL

from engagement_jobs.contract.errors import UnsentError
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.transport import certificates
from engagement_jobs.crm_client.transport.network import Network
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import AUTHORITY, GOOD, RawServer, raw_server, respond, server_context

NETWORK = Network(ca_pem=AUTHORITY.cert_pem.bytes().decode())
YEAR = timedelta(days=365)
OTHER = trustme.CA(organization_name="Another organization")
INTERMEDIATE = AUTHORITY.create_child_ca()
OTHER_INTERMEDIATE = OTHER.create_child_ca()


async def secret() -> str:
    return "t"


def connect(tmp_path: Path, leaf: trustme.LeafCert, chain: list[bytes], host: str) -> tuple[str, RawServer]:
    """Send a request to a server that sends these certificates.

    :return: the reason of the failure, and the server
    """
    path = tmp_path / "server.pem"
    path.write_bytes(b"".join([leaf.private_key_pem.bytes(), *chain]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    reasons: list[str] = []

    async def main() -> RawServer:
        async with raw_server(respond(GOOD), context) as server:
            client = CrmHttpClient(template_for(f"https://{host}:{server.port}/"), secret, 5, NETWORK)
            await client.read_token()
            async with client:
                with pytest.raises(UnsentError) as error:
                    await client.send(request_of(client))
            reasons.append(str(error.value))
            return server

    server = asyncio.run(main())
    return reasons[0], server


def issue(authority: trustme.CA, name: str = "localhost", start: int = -1, end: int = 1) -> trustme.LeafCert:
    """Issue a certificate that is valid from and to so many years from now."""
    now = datetime.now(UTC)
    return authority.issue_cert(name, not_before=now + start * YEAR, not_after=now + end * YEAR)


def only(leaf: trustme.LeafCert) -> list[bytes]:
    return [leaf.cert_chain_pems[0].bytes()]


def full(leaf: trustme.LeafCert) -> list[bytes]:
    return [pem.bytes() for pem in leaf.cert_chain_pems]


def named_issuer(leaf: trustme.LeafCert, authority: trustme.CA) -> list[bytes]:
    """Return the certificate with the place of its issuer's certificate, as public authorities issue it."""
    certificate = x509.load_pem_x509_certificate(only(leaf)[0])
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    place = x509.UniformResourceIdentifier("http://authority.example.com/intermediate.crt")
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
    builder = x509.CertificateBuilder(
        certificate.issuer,
        certificate.subject,
        certificate.public_key(),
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        list(certificate.extensions),
    )
    signed = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False).sign(key, hashes.SHA256())
    return [signed.public_bytes(serialization.Encoding.PEM)]


def self_signed() -> tuple[trustme.LeafCert, list[bytes]]:
    """Return an authority's own certificate as that of a server."""
    leaf = issue(OTHER)
    leaf.private_key_pem = OTHER.private_key_pem
    return leaf, [OTHER.cert_pem.bytes()]


EXPIRED, FUTURE = issue(AUTHORITY, start=-2, end=-1), issue(AUTHORITY, start=1, end=2)
UNKNOWN, UNKNOWN_CHILD = issue(OTHER), issue(OTHER_INTERMEDIATE)
CHILD, EXPIRED_CHILD = issue(INTERMEDIATE), issue(INTERMEDIATE, start=-2, end=-1)
GOOD_NAME, OTHER_NAME, ADDRESS = issue(AUTHORITY), issue(AUTHORITY, "crm.example.com"), issue(AUTHORITY, "127.0.0.2")


@pytest.mark.parametrize(
    ("leaf", "chain", "host", "reason"),
    [
        (EXPIRED, full(EXPIRED), "localhost", "tls_expired"),
        (FUTURE, full(FUTURE), "localhost", "tls_expired"),
        (EXPIRED_CHILD, full(EXPIRED_CHILD), "localhost", "tls_expired"),
        (UNKNOWN, full(UNKNOWN), "localhost", "tls_unknown_ca"),
        (UNKNOWN, [*full(UNKNOWN), OTHER.cert_pem.bytes()], "localhost", "tls_unknown_ca"),
        (UNKNOWN_CHILD, full(UNKNOWN_CHILD), "localhost", "tls_unknown_ca"),
        (*self_signed(), "localhost", "tls_unknown_ca"),
        (CHILD, only(CHILD), "localhost", "tls_missing_intermediate"),
        (UNKNOWN, named_issuer(UNKNOWN, OTHER), "localhost", "tls_missing_intermediate"),
        (GOOD_NAME, full(GOOD_NAME), "127.0.0.1", "tls_wrong_name"),
        (OTHER_NAME, full(OTHER_NAME), "localhost", "tls_wrong_name"),
        (ADDRESS, full(ADDRESS), "127.0.0.1", "tls_wrong_name"),
    ],
)
def test_refused_certificate_has_its_reason(
    leaf: trustme.LeafCert, chain: list[bytes], host: str, reason: str, tmp_path: Path
) -> None:
    got, server = connect(tmp_path, leaf, chain, host)
    assert got == reason
    assert server.requests == []
    assert server.connections <= 2


def test_server_may_close_right_after_the_second_look(tmp_path: Path) -> None:
    leaf = issue(INTERMEDIATE)
    leaf.private_key_pem.write_to_path(str(tmp_path / "server.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"), append=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def main() -> None:
        async with await asyncio.start_server(close, "127.0.0.1", 0, ssl=context) as server:
            url = f"https://localhost:{server.sockets[0].getsockname()[1]}/"
            async with CrmHttpClient(template_for(url), secret, 5, NETWORK) as client:
                await client.read_token()
                await client.send(request_of(client))

    with pytest.raises(UnsentError, match=r"^tls_missing_intermediate$"):
        asyncio.run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("fresh", [False, True])
def test_server_that_wants_a_certificate_got_nothing(version: ssl.TLSVersion, fresh: bool) -> None:
    context = server_context()
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    AUTHORITY.configure_trust(context)

    def refuse(listening: socket.socket, accepted: list[socket.socket]) -> None:
        connection, _ = listening.accept()
        tls = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        accepted.append(tls)
        with contextlib.suppress(ssl.SSLError):
            tls.do_handshake()  # sends the alert

    async def main() -> None:
        accepted: list[socket.socket] = []
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = asyncio.create_task(asyncio.to_thread(refuse, listening, accepted))
            url = f"https://localhost:{listening.getsockname()[1]}/"
            client = CrmHttpClient(template_for(url), secret, 5, NETWORK)
            await client.read_token()
            try:
                async with client:
                    with pytest.raises(UnsentError, match=r"^tls_client_certificate$"):
                        await client.send(request_of(client), fresh_connection=fresh)
            finally:
                await server
                accepted[0].close()

    asyncio.run(main())


@pytest.mark.parametrize("failure", [OSError, TimeoutError, ssl.SSLError])
def test_second_look_may_fail(failure: type[Exception], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(certificates, "connect", fail)
    assert connect(tmp_path, CHILD, only(CHILD), "localhost")[0] == "tls_unknown_ca"


@pytest.mark.parametrize("code", [0, 23, 26, 66])
def test_other_problem_of_a_certificate_is_tls(code: int) -> None:
    async def main() -> str:
        request = aiohttp.ClientRequest("POST", URL("https://crm.example.com"), loop=asyncio.get_running_loop())
        return await certificates.certificate_reason(code, request)

    assert asyncio.run(main()) == "tls"

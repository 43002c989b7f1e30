"""Requests through a proxy. What the proxy answers to CONNECT shows that the CRM got nothing."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path

import pytest
import trustme

from engagement_jobs.contract.errors import AmbiguousError, UnsentError
from engagement_jobs.crm_client.http_client import CrmHttpClient, CrmResponse
from engagement_jobs.crm_client.transport.network import Network
from tests.support.blocking_server import blocking_server
from tests.support.crm_requests import request_of, template_for
from tests.support.raw_http import AUTHORITY, BODY, GOOD, RawServer, raw_server, respond, server_context
from tests.support.scripted_proxy import ScriptedProxy, scripted_proxy

OURS = AUTHORITY.cert_pem.bytes().decode()
PROXY_USER = {"token": "t", "proxy_user": "user", "proxy_password": "pass word"}


async def send_to(url: str, network: Network, secret: object = None, times: int = 1) -> list[CrmResponse]:
    async def read() -> str:
        return json.dumps(secret or {"token": "t"})

    async with CrmHttpClient(template_for(url), read, 5, network) as client:
        await client.read_token()
        return [await client.send(request_of(client)) for _ in range(times)]


def send(
    proxy: ScriptedProxy, end: str = "", *, tls: bool = True, secret: object = None, times: int = 1, no_proxy: str = ""
) -> tuple[list[CrmResponse], RawServer]:
    """Send requests to a server through a proxy.

    :param end: how the server ends the connection instead of responding
    """

    async def main() -> tuple[list[CrmResponse], RawServer]:
        responder = respond(then=end) if end else respond(GOOD)
        async with raw_server(responder, server_context() if tls else None) as server:
            url = f"{'https' if tls else 'http'}://localhost:{server.port}/scores"
            network = Network(proxy.url, no_proxy, OURS, allow_http=True)
            return await send_to(url, network, secret, times), server

    return asyncio.run(main())


def test_a_connection_through_the_proxy_is_reused() -> None:
    with scripted_proxy(credentials="user:pass word") as proxy:
        responses, server = send(proxy, secret=PROXY_USER, times=3)
    assert [response.body for response in responses] == [BODY] * 3
    assert proxy.requests == [f"CONNECT localhost:{server.port} HTTP/1.1"]
    assert not any(b"proxy-authorization" in request.lower() for request in server.requests)


def test_plain_http_goes_through_the_proxy_as_a_whole() -> None:
    with scripted_proxy(credentials="user:pass word") as proxy:
        responses, server = send(proxy, tls=False, secret=PROXY_USER)
    assert [response.body for response in responses] == [BODY]
    assert proxy.requests == [f"POST http://localhost:{server.port}/scores HTTP/1.1"]


def test_a_host_without_a_proxy_is_reached_directly() -> None:
    with scripted_proxy() as proxy:
        responses, _ = send(proxy, no_proxy="localhost")
    assert [response.body for response in responses] == [BODY]
    assert proxy.requests == []


def test_an_https_proxy_is_verified_and_used() -> None:
    with scripted_proxy(tls=server_context()) as proxy:
        responses, _ = send(proxy)
        assert [response.body for response in responses] == [BODY]
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("secret", [None, {**PROXY_USER, "proxy_password": "old"}], ids=["none", "wrong"])
def test_a_proxy_that_wants_a_password_is_unsent(tls: bool, secret: object) -> None:
    with scripted_proxy(credentials="user:pass word") as proxy, pytest.raises(UnsentError, match=r"^proxy_auth$"):
        send(proxy, tls=tls, secret=secret)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 X\r\n\r\n",
        b"HTTP/1.1 302 X\r\nLocation: http://login.example/\r\n\r\n",
        b"HTTP/1.1 200 X\r\n\r\n",
        b"garbage\r\n\r\n",
        b"HTTP/1.1",
        b"",
    ],
)
def test_a_failed_tunnel_is_never_ambiguous(answer: bytes) -> None:
    reason = "connect" if answer.startswith(b"HTTP/1.1 200") else "proxy"
    with scripted_proxy(answer) as proxy, pytest.raises(UnsentError, match=f"^({reason}|tls)$"):
        send(proxy)
    assert len(proxy.requests) == 1


def test_a_proxy_whose_certificate_is_not_trusted_is_unsent() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    with scripted_proxy(tls=context) as proxy, pytest.raises(UnsentError, match=r"^proxy$"):
        send(proxy)


@pytest.mark.parametrize("tls", [True, False])
def test_a_proxy_that_cannot_be_reached_is_unsent(tls: bool) -> None:
    with scripted_proxy() as proxy:
        pass
    with pytest.raises(UnsentError, match=r"^proxy$"):
        send(proxy, tls=tls)


def test_a_proxy_without_an_address_is_unsent() -> None:
    with scripted_proxy() as proxy:
        proxy.url = f"http://{'a' * 64}.invalid:3128"
        with pytest.raises(UnsentError, match=r"^proxy$"):
            send(proxy)


@pytest.mark.parametrize("end", ["close", "reset", "cut"])
def test_a_connection_that_ends_behind_the_proxy_is_ambiguous(end: str) -> None:
    with scripted_proxy() as proxy, pytest.raises(AmbiguousError, match=r"^reset$"):
        send(proxy, end)


@pytest.mark.parametrize(("intermediate", "reason"), [(True, "tls_missing_intermediate"), (False, "tls_unknown_ca")])
def test_a_refused_certificate_is_looked_at_through_the_proxy(intermediate: bool, reason: str, tmp_path: Path) -> None:
    authority = AUTHORITY.create_child_ca() if intermediate else trustme.CA(organization_name="Another")
    leaf, chain = authority.issue_cert("crm.test"), tmp_path / "chain.pem"
    chain.write_bytes(leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with scripted_proxy() as proxy, blocking_server(tls=context) as server:
        network = Network(proxy.url, ca_pem=OURS)
        with pytest.raises(UnsentError, match=f"^{reason}$"):
            asyncio.run(send_to(f"https://crm.test:{server.port}/", network))  # only the proxy resolves the name
    assert len(proxy.requests) == server.connections == 2
    assert server.received == []

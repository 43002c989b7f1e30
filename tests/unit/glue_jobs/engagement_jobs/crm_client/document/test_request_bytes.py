"""The bytes of a request on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from engagement_jobs.crm_client.document.request_template import RequestTemplate
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from tests.support.crm_requests import RUN_FIELDS, example, template
from tests.support.raw_http import GOOD, raw_server, respond

UPDATE = ScoreUpdate('J\u00f6rg "x"\n', "73.25", 0)
# Of the base URL of this test's template; the port of the server is not part of it.
KEY = "cfbf52b2a89f7257383b8c0e2c466d7a22ad2dfc90d52d76758a9c0bd034fcf4"


def sent(of: RequestTemplate) -> bytes:
    """Return the bytes of a user's request to a server, rendered for its URL; its port is shown as 8080."""

    async def secret() -> str:
        return "t0k"

    async def main() -> tuple[bytes, int]:
        async with raw_server(respond(GOOD)) as server:
            base_url = f"http://127.0.0.1:{server.port}"
            local = RequestTemplate.compile(of.document, base_url, RUN_FIELDS)
            client = CrmHttpClient(local, secret, 5)
            await client.read_token()
            async with client:
                request = local.render(UPDATE)
                await client.send(type(request)(request.url, request.payload, of.render(UPDATE).key))
            return server.requests[0], server.port

    request, port = asyncio.run(main())
    return request.replace(b":%d" % port, b":8080")


def test_the_default_request_has_the_recorded_bytes() -> None:
    # Recorded before there was a document: an API that was served then gets the same bytes now.
    assert sent(template()) == (
        b"POST /api/v1/update-score HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
        b"User-Agent: customer-engagement-scoring/1\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        b"Authorization: Bearer t0k\r\nIdempotency-Key: %b\r\nContent-Length: 57\r\n\r\n"
        b'{"user_id": "J\xc3\xb6rg \\"x\\"\\n", "engagement_score": "73.25"}' % KEY.encode()
    )


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"idempotency_header": {"name": "Idempotency-Key", "form": "quoted"}}, f'Idempotency-Key: "{KEY}"'),
        ({"idempotency_header": {"name": "X-Request-Id", "form": "raw"}}, f"X-Request-Id: {KEY}"),
        ({"headers": {"accept": "application/vnd.api+json"}}, "accept: application/vnd.api+json"),
        ({"headers": {"User-Agent": "us/1"}}, "User-Agent: us/1"),
        ({"headers": {"X-Source": "a, b"}}, "X-Source: a, b"),
        ({"method": "PUT"}, "PUT /api/v1/update-score HTTP/1.1"),
        ({"method": "PATCH", "path": "/u?a=%20b&c"}, "PATCH /u?a=%20b&c HTTP/1.1"),
        ({"path": "/u/{user_id}/{score_date}"}, "POST /u/J%C3%B6rg%20%22x%22%0A/2026-11-23 HTTP/1.1"),
    ],
)
def test_the_document_decides_on_line_and_headers(change: dict[str, Any], line: str) -> None:
    head = sent(template(**change)).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    name = line.partition(":")[0].lower()
    assert [each for each in head if each.partition(":")[0].lower() == name or each == line][-1:] == [line]
    assert len({each.partition(":")[0].lower() for each in head}) == len(head)


@pytest.mark.parametrize("name", ["contact-property", "events"])
def test_without_an_idempotency_header_none_is_sent(name: str) -> None:
    document = RequestTemplate.compile(example(name), "https://crm.example.com", RUN_FIELDS)
    assert b"idempotency" not in sent(document).partition(b"\r\n\r\n")[0].lower()

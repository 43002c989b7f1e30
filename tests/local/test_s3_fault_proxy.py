"""The S3 fault proxy: requests are forwarded unchanged, and faults apply to those that match."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from local import s3_emulator
from local.processes import running_service

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def proxy_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "root" / "bucket").mkdir(parents=True)
    log = folder / "proxy.log"
    with (
        s3_emulator.serve(folder / "root") as s3_url,
        running_service("local.s3_fault_proxy", ["--upstream", s3_url], log) as url,
    ):
        yield url
    assert log.read_text() == ""


@pytest.fixture
def client(proxy_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3_emulator.client_env(proxy_url).items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    requests.delete(f"{proxy_url}/_fault", timeout=10).raise_for_status()


def switch_fault(proxy_url: str, **fault: Any) -> None:
    requests.put(f"{proxy_url}/_fault", json=fault, timeout=10).raise_for_status()


def put(client: Any, key: str) -> int:
    """Put a small object; return the HTTP status."""
    try:
        client.put_object(Bucket="bucket", Key=key, Body=b"small")
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return 200


@pytest.mark.parametrize("key", ["a/plain.csv", "dt=2026-11-23/a key, with (signs) + 100%.txt", "Zoë/用户/🛒.json"])
def test_objects_are_written_and_read_through_the_proxy(client: Any, key: str) -> None:
    body = bytes(range(256)) * 40
    etag = client.put_object(Bucket="bucket", Key=key, Body=body, ContentType="text/x-own", Metadata={"a": "b"})["ETag"]
    stored = client.get_object(Bucket="bucket", Key=key)
    assert stored["Body"].read() == body
    assert (stored["ETag"], stored["ContentLength"]) == (etag, len(body))
    assert client.get_object(Bucket="bucket", Key=key, Range="bytes=-4")["Body"].read() == body[-4:]
    assert client.get_object(Bucket="bucket", Key=key, Range="bytes=2-5")["ContentRange"] == f"bytes 2-5/{len(body)}"
    head = client.head_object(Bucket="bucket", Key=key)
    assert (head["ContentLength"], head["ETag"]) == (len(body), etag)
    assert key in [item["Key"] for item in client.list_objects_v2(Bucket="bucket")["Contents"]]
    client.delete_object(Bucket="bucket", Key=key)
    with pytest.raises(ClientError, match="404"):
        client.head_object(Bucket="bucket", Key=key)
    with pytest.raises(ClientError, match="NoSuchKey"):
        client.get_object(Bucket="bucket", Key=key)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (403, "AccessDenied"), (500, "InternalError")])
def test_only_matching_requests_fail(client: Any, proxy_url: str, status: int, code: str) -> None:
    client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"before")
    switch_fault(proxy_url, method="PUT", key=r"^/bucket/ledger/dt=.*[.]jsonl$", status=status)
    with pytest.raises(ClientError, match=code) as failed:
        client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"x" * 300_000)
    assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert put(client, "ledger/dt=2026-11-23/1.csv") == 200
    assert client.get_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl")["Body"].read() == b"before"
    requests.delete(f"{proxy_url}/_fault", timeout=10).raise_for_status()
    assert put(client, "ledger/dt=2026-11-23/1.jsonl") == 200


def test_after_and_first_limit_a_fault(client: Any, proxy_url: str) -> None:
    switch_fault(proxy_url, method="put", key="limited", status=503, after=2, first=2)
    assert [put(client, f"limited/{n}") for n in range(6)] == [200, 200, 503, 503, 200, 200]
    assert put(client, "others") == 200


def test_latency_delays_requests_independently(client: Any, proxy_url: str) -> None:
    switch_fault(proxy_url, key="slow", latency_ms=300)
    started_at = time.monotonic()
    assert put(client, "quick") == 200
    assert time.monotonic() - started_at < 0.3
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda n: put(client, f"slow/{n}"), range(6))) == [200] * 6
    assert 0.3 <= time.monotonic() - started_at < 1.8


def test_an_invalid_fault_is_rejected_and_the_old_one_stays(client: Any, proxy_url: str) -> None:
    switch_fault(proxy_url, status=501)
    response = requests.put(f"{proxy_url}/_fault", json={"statsu": 503}, timeout=10)
    assert (response.status_code, "statsu" in response.json()["error"]) == (400, True)
    assert put(client, "any") == 501


class Echo(BaseHTTPRequestHandler):
    """A server that stores the last request and sends `response`."""

    protocol_version = "HTTP/1.1"
    received: tuple[str, list[tuple[str, str]], bytes]
    response: tuple[int, list[tuple[str, str]], bytes] = (200, [], b"")

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Echo.received = (self.requestline, self.headers.items(), body)
        status, headers, response = Echo.response
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response)

    do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 (the base class calls these names)


@pytest.fixture(scope="module")
def echo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a proxy in front of `Echo`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        upstream = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            with running_service(
                "local.s3_fault_proxy", ["--upstream", upstream], tmp_path_factory.mktemp("echo") / "log"
            ) as url:
                yield url
        finally:
            server.shutdown()
            thread.join()


def send(url: str, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """Send a request without normalizing the target; return status, headers and body of the response."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        return response.status, response.getheaders(), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "target",
    [
        "/bucket/a%20b%2Bc+d/%E7%94%A8?list-type=2&prefix=a%2Fb%3D&empty=&flag",
        "/bucket//twice/../up/./%2e%2E?x-id=GetObject",
        "/bucket/dt%3D2026?uploads",
        "/bucket/%7e~!$&'()*,;=:@",
    ],
)
def test_requests_are_forwarded_unchanged(echo_url: str, target: str) -> None:
    Echo.response = (200, [("Content-Length", "0")], b"")
    body = gzip.compress(b"ledger")
    headers = {
        "Host": "bucket.s3.example:1234",
        "Content-Encoding": "gzip",
        "X-Amz-Date": "20261123T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 a=b",
        "Content-Length": str(len(body)),
    }
    assert send(echo_url, "PUT", target, headers, body)[0] == 200
    line, arrived, arrived_body = Echo.received
    assert line == f"PUT {target} HTTP/1.1"
    assert sorted(arrived) == sorted(headers.items())
    assert arrived_body == body


def test_a_chunked_body_is_forwarded_with_its_length(echo_url: str) -> None:
    Echo.response = (200, [("Content-Length", "0")], b"")
    response = requests.put(f"{echo_url}/bucket/key", data=iter([b"abc", b"de"]), timeout=10)
    assert (response.status_code, Echo.received[2]) == (200, b"abcde")
    framing = [pair for pair in Echo.received[1] if pair[0].lower() in ("content-length", "transfer-encoding")]
    assert framing == [("Content-Length", "5")]


PACKED = gzip.compress(b"an object that was stored compressed")


@pytest.mark.parametrize(
    ("method", "status", "headers", "body"),
    [
        ("GET", 200, [("Content-Encoding", "gzip"), ("Content-Length", str(len(PACKED)))], PACKED),
        ("GET", 206, [("Content-Range", "bytes 0-3/9"), ("Content-Length", "4")], b"PAR1"),
        ("GET", 302, [("Location", "http://127.0.0.1:9/"), ("Content-Length", "0")], b""),
        ("GET", 304, [("ETag", '"a"')], b""),
        ("DELETE", 204, [("x-amz-a", "1"), ("x-amz-a", "2")], b""),
        ("HEAD", 200, [("Content-Length", "12345"), ("ETag", '"a"'), ("Set-Cookie", "a=b")], b""),
    ],
)
def test_responses_are_forwarded_unchanged(
    echo_url: str, method: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    dated = [*headers, ("Date", "Mon, 23 Nov 2026 00:00:00 GMT"), ("Server", "Echo")]
    if body:
        dated.append(("Content-Type", "binary/x"))
    Echo.response = (status, dated, body)
    received_status, arrived, arrived_body = send(echo_url, method, "/bucket/key", {"Host": "h"})
    assert (received_status, arrived_body) == (status, body)
    assert sorted(arrived) == sorted(dated)


def test_100_continue_is_sent_and_the_connection_stays_usable(echo_url: str) -> None:
    Echo.response = (200, [("Content-Length", "0")], b"")
    switch_fault(echo_url, status=503, first=1)
    host, port = echo_url.removeprefix("http://").split(":")
    head = b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for status in (b"503 ", b"200 "):
            connection.sendall(head)
            assert connection.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"12345")
            response = http.client.HTTPResponse(connection)
            response.begin()
            assert response.status == int(status)
            response.read()
    assert Echo.received[2] == b"12345"
    assert "expect" not in [name.lower() for name, _ in Echo.received[1]]


def test_the_program_answers_502_without_s3_ends_at_sigterm() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "local.s3_fault_proxy", "--upstream", f"http://127.0.0.1:{port}"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        response = requests.get(f"{url}/bucket/key", timeout=10)
        assert (response.status_code, response.headers["Content-Type"]) == (502, "application/xml; charset=utf-8")
        assert "No response from S3" in response.text
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0

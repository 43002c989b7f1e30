"""The gate in front of S3: everything passes unchanged, and what is told to fail does."""

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
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "root" / "bucket").mkdir(parents=True)
    log = folder / "gate.log"
    with (
        s3_emulator.serve(folder / "root") as s3_url,
        running_service("local.s3_fault_proxy", ["--upstream", s3_url], log) as url,
    ):
        yield url
    assert log.read_text() == ""


@pytest.fixture
def client(gate: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3_emulator.client_env(gate).items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    requests.delete(f"{gate}/_fault", timeout=10).raise_for_status()


def switch(gate: str, **fault: Any) -> None:
    requests.put(f"{gate}/_fault", json=fault, timeout=10).raise_for_status()


def put(client: Any, key: str) -> int:
    """Status of putting a small object."""
    try:
        client.put_object(Bucket="bucket", Key=key, Body=b"small")
    except ClientError as error:
        return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
    return 200


@pytest.mark.parametrize("key", ["a/plain.csv", "dt=2026-11-23/a key, with (signs) + 100%.txt", "Zoë/用户/🛒.json"])
def test_an_object_goes_through(client: Any, key: str) -> None:
    body = bytes(range(256)) * 40
    etag = client.put_object(Bucket="bucket", Key=key, Body=body, ContentType="text/x-own", Metadata={"a": "b"})["ETag"]
    got = client.get_object(Bucket="bucket", Key=key)
    assert got["Body"].read() == body
    assert (got["ETag"], got["ContentLength"]) == (etag, len(body))
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
def test_only_what_matches_is_refused(client: Any, gate: str, status: int, code: str) -> None:
    client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"before")
    switch(gate, method="PUT", key=r"^/bucket/ledger/dt=.*[.]jsonl$", status=status)
    with pytest.raises(ClientError, match=code) as refused:
        client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"x" * 300_000)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert put(client, "ledger/dt=2026-11-23/1.csv") == 200
    assert client.get_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl")["Body"].read() == b"before"
    requests.delete(f"{gate}/_fault", timeout=10).raise_for_status()
    assert put(client, "ledger/dt=2026-11-23/1.jsonl") == 200


def test_a_fault_has_bounds(client: Any, gate: str) -> None:
    switch(gate, method="put", key="bounds", status=503, after=2, first=2)
    assert [put(client, f"bounds/{n}") for n in range(6)] == [200, 200, 503, 503, 200, 200]
    assert put(client, "others") == 200


def test_latency_delays_each_request_by_itself(client: Any, gate: str) -> None:
    switch(gate, key="slow", latency_ms=300)
    began = time.monotonic()
    assert put(client, "quick") == 200
    assert time.monotonic() - began < 0.3
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda n: put(client, f"slow/{n}"), range(6))) == [200] * 6
    assert 0.3 <= time.monotonic() - began < 1.8


def test_a_wrong_fault_is_refused_and_the_old_one_stays(client: Any, gate: str) -> None:
    switch(gate, status=501)
    answer = requests.put(f"{gate}/_fault", json={"statsu": 503}, timeout=10)
    assert (answer.status_code, "statsu" in answer.json()["error"]) == (400, True)
    assert put(client, "any") == 501


class Echo(BaseHTTPRequestHandler):
    """Remembers what arrives, and answers as `answer` says."""

    protocol_version = "HTTP/1.1"
    seen: tuple[str, list[tuple[str, str]], bytes]
    answer: tuple[int, list[tuple[str, str]], bytes] = (200, [], b"")

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        Echo.seen = (self.requestline, self.headers.items(), body)
        status, headers, answer = Echo.answer
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 (the names that the base class looks for)


@pytest.fixture(scope="module")
def echoed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gate in front of `Echo`."""
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


def ask(url: str, method: str, target: str, headers: dict[str, str], body: bytes | None = None) -> Any:
    """Status, headers and body; sent to the letter, without what an HTTP client would make of the target."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
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
def test_a_request_arrives_to_the_letter(echoed: str, target: str) -> None:
    Echo.answer = (200, [("Content-Length", "0")], b"")
    body = gzip.compress(b"ledger")
    headers = {
        "Host": "bucket.s3.example:1234",
        "Content-Encoding": "gzip",
        "X-Amz-Date": "20261123T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 a=b",
        "Content-Length": str(len(body)),
    }
    assert ask(echoed, "PUT", target, headers, body)[0] == 200
    line, arrived, arrived_body = Echo.seen
    assert line == f"PUT {target} HTTP/1.1"
    assert sorted(arrived) == sorted(headers.items())
    assert arrived_body == body


def test_a_body_of_unknown_length_arrives_whole(echoed: str) -> None:
    Echo.answer = (200, [("Content-Length", "0")], b"")
    answer = requests.put(f"{echoed}/bucket/key", data=iter([b"abc", b"de"]), timeout=10)
    assert (answer.status_code, Echo.seen[2]) == (200, b"abcde")
    framing = [pair for pair in Echo.seen[1] if pair[0].lower() in ("content-length", "transfer-encoding")]
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
def test_an_answer_arrives_to_the_letter(
    echoed: str, method: str, status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    dated = [*headers, ("Date", "Mon, 23 Nov 2026 00:00:00 GMT"), ("Server", "its own")]
    if body:
        dated.append(("Content-Type", "binary/x"))
    Echo.answer = (status, dated, body)
    found, arrived, arrived_body = ask(echoed, method, "/bucket/key", {"Host": "h"})
    assert (found, arrived_body) == (status, body)
    assert sorted(arrived) == sorted(dated)


def test_100_continue_is_sent_and_the_connection_stays_usable(echoed: str) -> None:
    Echo.answer = (200, [("Content-Length", "0")], b"")
    switch(echoed, status=503, first=1)
    host, port = echoed.removeprefix("http://").split(":")
    head = b"PUT /bucket/key HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for status in (b"503 ", b"200 "):
            connection.sendall(head)
            assert connection.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"12345")
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == int(status)
            answer.read()
    assert Echo.seen[2] == b"12345"
    assert "expect" not in [name.lower() for name, _ in Echo.seen[1]]


def test_the_program_ends_when_told_and_says_when_s3_is_away() -> None:
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
        answer = requests.get(f"{url}/bucket/key", timeout=10)
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "application/xml; charset=utf-8")
        assert "does not answer the gate" in answer.text
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0

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

from local import s3
from local.processes import stand_in
from local.s3_gate import read_fault

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gate")
    (folder / "root" / "bucket").mkdir(parents=True)
    log = folder / "gate.log"
    with s3.serve(folder / "root") as s3_url, stand_in("local.s3_gate", ["--upstream", s3_url], log) as url:
        yield url
    assert log.read_text() == ""


@pytest.fixture
def client(gate: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in s3.client_env(gate).items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    requests.delete(f"{gate}/_gate", timeout=10).raise_for_status()


def switch(gate: str, **fault: Any) -> None:
    requests.put(f"{gate}/_gate", json=fault, timeout=10).raise_for_status()


def seen(gate: str) -> tuple[int, int]:
    found = requests.get(f"{gate}/_gate", timeout=10).json()
    return found["matched"], found["hit"]


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


def test_an_empty_object_and_a_missing_bucket(client: Any) -> None:
    client.put_object(Bucket="bucket", Key="empty", Body=b"")
    assert client.get_object(Bucket="bucket", Key="empty")["Body"].read() == b""
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client.put_object(Bucket="no-such-bucket", Key="a", Body=b"1")


def test_a_large_object_in_parts(client: Any, tmp_path: Path) -> None:
    sent, received = tmp_path / "sent", tmp_path / "received"
    sent.write_bytes(b"0123456789abcde\n" * (9 * 65_536))
    client.upload_file(str(sent), "bucket", "large.bin")
    client.download_file("bucket", "large.bin", str(received))
    assert received.read_bytes() == sent.read_bytes()


def test_a_listing_in_pages(client: Any) -> None:
    for number in range(5):
        client.put_object(Bucket="bucket", Key=f"pages/{number} +&.txt", Body=b"1")
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket="bucket", Prefix="pages/", PaginationConfig={"PageSize": 2}
    )
    keys = [item["Key"] for page in pages for item in page["Contents"]]
    assert keys == [f"pages/{number} +&.txt" for number in range(5)]


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (403, "AccessDenied"), (500, "InternalError")])
def test_only_what_matches_is_refused(client: Any, gate: str, status: int, code: str) -> None:
    client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"before")
    switch(gate, method="PUT", key=r"^/bucket/ledger/dt=.*[.]jsonl$", status=status)
    with pytest.raises(ClientError, match=code) as refused:
        client.put_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl", Body=b"x" * 300_000)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert put(client, "ledger/dt=2026-11-23/1.csv") == 200
    assert client.get_object(Bucket="bucket", Key="ledger/dt=2026-11-23/1.jsonl")["Body"].read() == b"before"
    assert seen(gate) == (1, 1)
    requests.delete(f"{gate}/_gate", timeout=10).raise_for_status()
    assert put(client, "ledger/dt=2026-11-23/1.jsonl") == 200
    assert requests.get(f"{gate}/_gate", timeout=10).json() == {"fault": None, "matched": 0, "hit": 0}


def test_a_refused_head_has_no_body(client: Any, gate: str) -> None:
    switch(gate, method="HEAD", status=403)
    with pytest.raises(ClientError, match="403"):
        client.head_object(Bucket="bucket", Key="any")
    assert put(client, "any") == 200


def test_bounds(client: Any, gate: str) -> None:
    switch(gate, method="put", key="bounds", status=503, after=2, first=2)
    assert [put(client, f"bounds/{n}") for n in range(6)] == [200, 200, 503, 503, 200, 200]
    assert put(client, "others") == 200
    assert seen(gate) == (6, 2)


def test_latency_alone_delays_and_passes_on(client: Any, gate: str) -> None:
    switch(gate, key="slow", latency_ms=300)
    took = []
    for key in ("quick", "slow"):
        began = time.monotonic()
        assert put(client, key) == 200
        took.append(time.monotonic() - began)
    assert took[0] < 0.3 <= took[1]


def test_a_delay_does_not_stand_in_the_way_of_others(client: Any, gate: str) -> None:
    switch(gate, key="slow", latency_ms=300, status=503)
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda n: put(client, f"slow/{n}"), range(6))) == [503] * 6
    assert 0.3 <= time.monotonic() - began < 1.5


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
            with stand_in("local.s3_gate", ["--upstream", upstream], tmp_path_factory.mktemp("echo") / "log") as url:
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


def test_an_answer_of_unknown_length(echoed: str) -> None:
    Echo.answer = (200, [("Transfer-Encoding", "chunked")], b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert ask(echoed, "GET", "/bucket/key", {"Host": "h"})[2] == b"abcde"


def test_who_waits_for_100_continue_gets_it_and_the_connection_stays_usable(echoed: str) -> None:
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


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"status": 503, "keys": "a"}', "unknown keys; known are method, key, status, latency_ms, after, first"),
        ('{"status": "503"}', "status is '503', wanted an integer from 400 to 599"),
        ('{"status": 200}', "status is 200"),
        ('{"latency_ms": true}', "latency_ms is True, wanted a number"),
        ('{"status": 503, "after": -1}', "after is -1"),
        ('{"status": 503, "first": 0}', "first is 0"),
        ('{"status": 503, "method": 1}', "method is 1, wanted a string"),
        ('{"status": 503, "key": "("}', "no regular expression"),
        ('{"key": "a"}', "nothing goes wrong"),
        ("[]", "found a JSON list"),
        ("{", "Expecting property name"),
    ],
)
def test_a_wrong_fault_is_refused_and_the_old_one_stays(client: Any, gate: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        read_fault(text)
    assert says in str(error.value)
    switch(gate, status=501)
    answer = requests.put(f"{gate}/_gate", data=text, timeout=10)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert put(client, "any") == 501
    assert requests.post(f"{gate}/_gate", timeout=10).status_code == 405


def test_the_program_ends_when_told_and_says_when_s3_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "local.s3_gate", "--upstream", f"http://127.0.0.1:{port}"],
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


def test_a_taken_port_is_an_error_with_the_reason(gate: str) -> None:
    port = gate.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "local.s3_gate", "--upstream", gate, "--port", port],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr

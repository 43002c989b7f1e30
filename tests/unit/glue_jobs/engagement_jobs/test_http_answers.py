"""What of the bytes of a connection is an answer, however they are cut into pieces."""

from __future__ import annotations

import gzip

import pytest

from engagement_jobs.http_answers import MOST_BODY, AnswerReader, MalformedAnswerError

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GZIPPED = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"

# bytes -> status, body, whether the connection can carry another request
WHOLE = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
    (b"HTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}", 200, b"{}", True),
    (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503, b"", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", 204, b"", False),
    (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, b"", False),
    (b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", 200, b"{}", False),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x\r\nConnection: Close\r\n\r\n{}", 200, b"{}", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 204 x\r\n\r\n", 204, b"", True),
    (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", 200, b"{}", True),
    (CHUNKED + b'1;a="b"\r\n{\r\n00001 \r\n}\r\n0\r\nTrailer: x\r\n\r\n', 200, b"{}", True),
    (CHUNKED + b"0\r\n\r\n", 200, b"", True),
    # Two framings at once are how answers are smuggled in: the chunks count, and the connection is given up.
    (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        200,
        b"{}",
        False,
    ),
]


def read(*pieces: bytes) -> AnswerReader:
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    return reader


@pytest.mark.parametrize(("data", "status", "body", "reusable"), WHOLE)
def test_an_answer_is_the_same_whole_and_byte_by_byte(data: bytes, status: int, body: bytes, reusable: bool) -> None:
    slowly = AnswerReader()
    for number in range(len(data)):
        assert not slowly.done
        assert not slowly.reusable
        slowly.feed(data[number : number + 1])
    for reader in (read(data), slowly):
        assert (reader.done, reader.status, reader.body, reader.reusable) == (True, status, body, reusable)


def test_headers_have_names_in_lower_case_and_the_first_value() -> None:
    reader = read(b"HTTP/1.1 429 x\r\nRetry-After:  7 \r\nretry-after: 9\r\nX-\xe9: \xe9\r\nContent-Length: 0\r\n\r\n")
    assert reader.headers == {"retry-after": "7", "x-é": "é", "content-length": "0"}


def test_what_follows_an_answer_spoils_its_connection() -> None:
    assert not read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\n").reusable
    assert not read(CHUNKED + b"0\r\n\r\nx").reusable


def test_without_a_length_the_end_of_the_connection_is_that_of_the_answer() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\n\r\n{", b"}")
    assert not reader.done
    reader.end()
    assert (reader.done, reader.body, reader.reusable) == (True, b"{}", False)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{",
        CHUNKED + b"2\r\n{}\r\n",
        CHUNKED + b"2\r\n{}\r\n0\r\n",
    ],
)
def test_an_answer_that_is_cut_off_is_none(data: bytes) -> None:
    reader = read(data)
    with pytest.raises(MalformedAnswerError):
        reader.end()
    assert not reader.done


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 2000 x\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n continued: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"2" * 5_000 + b"\r\n\r\n{}",
        # What cannot be read could tell of a failure.
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        GZIPPED % 9 + gzip.compress(b"{}")[:9],
        GZIPPED % len(2 * gzip.compress(b"{}")) + 2 * gzip.compress(b"{}"),
        CHUNKED.replace(b"chunked", b"gzip, chunked"),
        CHUNKED.replace(b"chunked", b"identity"),
        b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000,
        CHUNKED + b"x\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"2\r\n{}}\r\n",
        CHUNKED + b"1" * 70_000,
        CHUNKED + b"0\r\nA: " + b"b" * 70_000,
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    reader = AnswerReader()
    with pytest.raises(MalformedAnswerError):
        reader.feed(data)
    assert not reader.done
    assert not reader.reusable


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n",
        CHUNKED + b"30000\r\n",
        CHUNKED + b"8\r\n12345678\r\n" * 9_000,
    ],
)
def test_of_a_long_body_the_start_is_enough_and_the_connection_is_given_up(head: bytes) -> None:
    reader = read(head, b" " * 100_000)
    assert (reader.done, len(reader.body), reader.reusable) == (True, MOST_BODY, False)


def test_a_compressed_body_is_read_and_cannot_blow_up() -> None:
    small, large = gzip.compress(b"{}"), gzip.compress(b" " * 50_000_000)
    assert read(GZIPPED % len(small) + small).body == b"{}"
    assert len(read(GZIPPED % len(large) + large).body) == MOST_BODY

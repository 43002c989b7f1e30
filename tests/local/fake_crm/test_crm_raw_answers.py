"""Answers that are written byte by byte, and connections that end without an announcement."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import requests

from local.fake_crm.behaviors.answer_table import ANSWERS
from local.fake_crm.behaviors.http_forms import GOOD, MALFORMED, READABLE
from tests.local.fake_crm.client import AUTHORIZED, Client


@pytest.fixture
def connection(crm: Client) -> Iterator[socket.socket]:
    address = urlsplit(crm.url)
    with closing(socket.create_connection((address.hostname or "", address.port or 0), timeout=10)) as opened:
        yield opened


def post(connection: socket.socket, user_id: str = "U1") -> None:
    body = json.dumps({"user_id": user_id, "engagement_score": "73.25"})
    head = f"POST /api/v1/update-score HTTP/1.1\r\nHost: crm\r\nAuthorization: {AUTHORIZED['Authorization']}\r\n"
    content = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    connection.sendall((head + content).encode())


def read(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = connection.recv(1 << 20)
        if not chunk:
            break
        received += chunk
    return received


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - {"reset-in-head"}))
def test_an_answer_arrives_as_it_is_in_the_table(crm: Client, connection: socket.socket, name: str) -> None:
    crm.switch_fault(answers=[name])
    answer, expected = ANSWERS[name], b"".join(ANSWERS[name].parts)
    post(connection)
    assert read(connection, len(expected)) == expected
    if answer.close_after_ms is None:
        # The connection goes on.
        post(connection)
        assert read(connection, len(expected)) == expected
    else:
        assert connection.recv(1) == b""
    stats = crm.stats()
    assert stats["statuses"] == {str(answer.status): 1 if answer.close_after_ms is not None else 2}
    assert (stats["applied"] > 0) == answer.applied


def test_answers_take_turns_and_are_logged(crm: Client) -> None:
    crm.switch_fault(answers=["apigateway-429", "lower-case", "waf-403"])
    assert [crm.send(f"U{number}").status_code for number in range(4)] == [429, 200, 403, 429]
    assert crm.state() == {"U1": "73.25"}
    logged = crm.request("GET", "/_crm/requests?user_id=U2").json()[0]
    assert logged["status"] == 403
    assert "403 Forbidden" in logged["answer"]


def test_the_table_has_23_good_forms() -> None:
    assert (len(READABLE), len(MALFORMED)) == (17, 5)
    assert {*READABLE, "brotli", *MALFORMED} == GOOD.keys()
    assert {answer.status for answer in GOOD.values()} == {200}
    assert all(answer.applied for answer in GOOD.values())


@pytest.mark.parametrize("name", sorted({*READABLE} - {"interim"}))  # http.client skips no other 1xx than 100
def test_another_client_reads_the_readable_forms(crm: Client, name: str) -> None:
    crm.switch_fault(answers=[name])
    answer = crm.send()
    assert (answer.status_code, answer.json()) == (200, {"status": "updated"})


def test_a_reset_within_the_header(crm: Client, connection: socket.socket) -> None:
    crm.switch_fault(answers=["reset-in-head"])
    post(connection)
    with pytest.raises(ConnectionResetError):
        read(connection, 1024)
    assert crm.state() == {"U1": "73.25"}


def test_the_connection_ends_after_an_answer(crm: Client, connection: socket.socket) -> None:
    crm.switch_fault(close_after_ms=100)
    post(connection)
    answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close" not in answer.lower()
    started_at = time.monotonic()
    assert connection.recv(1) == b""
    assert time.monotonic() - started_at > 0.05


def test_a_silent_crm_answers_nothing(crm: Client) -> None:
    crm.switch_fault(silent=True, for_users=["U1"])
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{crm.url}/api/v1/update-score",
            json={"user_id": "U1", "engagement_score": "1.00"},
            headers=AUTHORIZED,
            timeout=0.2,
        )
    assert crm.send("U2").status_code == 200
    deadline = time.monotonic() + 5
    while crm.stats()["in_flight"] and time.monotonic() < deadline:
        time.sleep(0.02)
    stats = crm.stats()
    assert (stats["in_flight"], stats["dropped"], stats["applied"]) == (0, 1, 1)


def test_a_fault_hits_the_same_share_of_users(crm: Client) -> None:
    crm.switch_fault(status=403, every_user=4)
    users = [f"U{number:09d}" for number in range(200)]
    statuses = [crm.send(user_id).status_code for user_id in users]
    assert 25 <= statuses.count(403) <= 75
    assert [crm.send(user_id).status_code for user_id in users] == statuses


def test_a_stored_404_is_replayed_for_its_key(crm: Client) -> None:
    crm.switch_fault(status=404, stored=True, first=1)
    answers = [crm.send("U1", "1.00", key) for key in ("k1", "k1", "k2")]
    assert [each.status_code for each in answers] == [404, 404, 200]
    assert "Idempotent-Replayed" in answers[1].headers

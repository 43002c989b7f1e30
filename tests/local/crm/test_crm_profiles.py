"""Each named fault is what its description says, and is switched on by its name."""

import json
from dataclasses import asdict, replace
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from local.crm.faults import Fault
from local.crm.faultspec import read_fault
from local.crm.profiles import PROFILES
from tests.local.crm.client import Client

NAMES = [
    "latency-50ms", "latency-1s", "heavy-tail", "503-few", "503-half", "503-all", "outage-30s", "429-half-rate",
    "retry-after-5s", "retry-after-date", "retry-after-120s", "retry-after-garbage", "reset-before", "reset-after",
    "timeout-after", "answers-204", "answers-202", "answers-207", "answers-html", "success-false", "redirect",
    "token-revoked", "token-revoked-midway", "unknown-some", "unknown-all", "stored-500", "slows-down",
]  # fmt: skip


def at_once(fault: Fault) -> dict[str, Any]:
    """The members of a fault that meets every request from the first on, so that one request shows what it does."""
    sooner = replace(fault, fraction=1.0, after=0)
    return {name: value for name, value in asdict(sooner).items() if value is not None}


def test_the_names_in_their_order() -> None:
    assert list(PROFILES) == NAMES
    whats = [profile.what for profile in PROFILES.values()]
    assert len(set(whats)) == len(NAMES)
    assert all(what and what.isprintable() and len(what) <= 80 for what in whats)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_switched_on_by_its_name_and_could_be_said_in_json(crm: Client, name: str) -> None:
    shown = crm.ask("PUT", "/_crm/faults", data=name).json()
    fault = PROFILES[name].fault
    assert shown == {"faults": asdict(fault), "matched": 0, "hit": 0}
    assert read_fault(json.dumps(asdict(fault))) == fault


@pytest.mark.parametrize(
    ("name", "status", "applied", "headers", "body"),
    [
        ("latency-50ms", 200, True, {}, "updated"),
        ("503-few", 503, False, {"Retry-After": None}, "injected-503"),
        ("503-half", 503, False, {"Retry-After": None}, "injected-503"),
        ("503-all", 503, False, {"Retry-After": None}, "injected-503"),
        ("outage-30s", 503, False, {"Retry-After": None}, "down"),
        ("429-half-rate", 200, True, {}, "updated"),
        ("retry-after-5s", 429, False, {"Retry-After": "5"}, "injected-429"),
        ("retry-after-120s", 429, False, {"Retry-After": "120"}, "injected-429"),
        ("retry-after-garbage", 429, False, {"Retry-After": "soon"}, "injected-429"),
        ("answers-204", 204, True, {"Content-Length": None}, ""),
        ("answers-202", 202, True, {"Content-Type": "application/json"}, '{"status": "accepted"}'),
        ("answers-207", 207, False, {"Content-Type": "application/json"}, '"results": [{"status": 422, "error": "'),
        ("answers-html", 200, False, {"Content-Type": "text/html; charset=utf-8"}, "<html>"),
        ("success-false", 200, False, {"Content-Type": "application/json"}, '{"success": false}'),
        ("redirect", 302, False, {"Location": "http://127.0.0.1:9/"}, "injected-302"),
        ("token-revoked", 401, False, {}, "this token was revoked"),
        ("token-revoked-midway", 401, False, {}, "this token was revoked"),
        ("unknown-some", 404, False, {"Content-Type": "application/problem+json"}, "injected-404"),
        ("unknown-all", 404, False, {"Content-Type": "application/problem+json"}, "injected-404"),
        ("stored-500", 500, False, {}, "injected-500"),
        ("slows-down", 200, True, {}, "updated"),
    ],
)
def test_what_a_request_that_it_meets_is_answered(
    crm: Client, name: str, status: int, applied: bool, headers: dict[str, str | None], body: str
) -> None:
    crm.break_it(**at_once(PROFILES[name].fault))
    answer = crm.send("U1", "1.00", "k1", allow_redirects=False)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert body in answer.text
    assert crm.state() == ({"U1": "1.00"} if applied else {})
    assert crm.ask("GET", "/_crm/faults").json()["hit"] == 1


def test_a_date_five_seconds_later(crm: Client) -> None:
    crm.break_it(**at_once(PROFILES["retry-after-date"].fault))
    answers = [crm.send(), crm.send()]
    assert [answer.status_code for answer in answers] == [429, 200]
    own, later = (parsedate_to_datetime(answers[0].headers[name]) for name in ("Date", "Retry-After"))
    assert (later - own).total_seconds() == 5


@pytest.mark.parametrize(("name", "applied"), [("reset-before", 0), ("reset-after", 1)])
def test_resets(crm: Client, name: str, applied: int) -> None:
    crm.break_it(**at_once(PROFILES[name].fault))
    with pytest.raises(requests.ConnectionError, match="reset"):
        crm.send()
    assert crm.stats()["applied"] == applied


def test_a_stored_failure_is_replayed(crm: Client) -> None:
    crm.break_it(**at_once(PROFILES["stored-500"].fault))
    crm.send("U1", "1.00", "k1")
    crm.ask("DELETE", "/_crm/faults")
    again = crm.send("U1", "1.00", "k1")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (500, "true")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("503-few", 2, 22), ("503-half", 70, 130), ("success-false", 1, 14), ("unknown-all", 200, 200)],
)
def test_its_share_of_the_requests(crm: Client, name: str, low: int, high: int) -> None:
    crm.ask("PUT", "/_crm/faults", data=name).raise_for_status()
    for n in range(200):
        crm.send(f"U{n}", "1.00", f"k{n}")
    assert low <= crm.ask("GET", "/_crm/faults").json()["hit"] <= high
    assert 200 - high <= crm.stats()["applied"] <= 200 - low


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("latency-1s", Fault(latency_ms=1_000)),
        ("heavy-tail", Fault(latency_ms=30_000, fraction=0.01)),
        ("outage-30s", Fault(down=True, after=2_000, seconds=30)),
        ("429-half-rate", Fault(rate=250)),
        ("retry-after-5s", Fault(status=429, retry_after=5, after=2_000, first=1)),
        ("timeout-after", Fault(answer_after_ms=10_000, fraction=0.01)),
        ("token-revoked-midway", Fault(revoked=True, after=4_000)),
        ("unknown-some", Fault(status=404, fraction=0.01)),
        ("stored-500", Fault(status=500, stored=True, fraction=0.005)),
        ("slows-down", Fault(slots=8, latency_ms=20)),
    ],
)
def test_what_takes_too_long_to_be_waited_for(name: str, fault: Fault) -> None:
    assert read_fault(name) == fault

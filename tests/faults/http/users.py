"""Answers to single users: they end for these users only, and the others are not stopped."""

from __future__ import annotations

from tests.faults.http.expectations import ONE_IN_100, ONE_IN_200, USERS, scenario, some, split
from tests.faults.scenario import Expected, Range, Scenario, at_most, exactly

_EVERY_100 = {"every_user": 100}
_IN_THE_CANARY = ("U000000003", "U000000050", "U000000100")

SCENARIOS: tuple[Scenario, ...] = (
    scenario("unknown-some", "1 % get 404", split("rejected", 0.01)),
    scenario(
        "waf",
        "a WAF refuses 1 in 100 users with an HTML 403",
        some("deferred", ONE_IN_100, reasons={"http_403": exactly(ONE_IN_100)}),
        _EVERY_100,
    ),
    scenario(
        "redirect-users",
        "1 in 100 users gets 301",
        some("deferred", ONE_IN_100, reasons={"http_301": exactly(ONE_IN_100)}),
        _EVERY_100,
    ),
    scenario(
        "token-users",
        "the token is refused for 1 in 100 users",
        some("deferred", ONE_IN_100, 1, reasons={"http_401": exactly(ONE_IN_100)}),
        _EVERY_100,
    ),
    scenario(
        "token-401-once",
        "one 401 after 500 requests",
        Expected({"delivered": Range(USERS - 1, USERS), "deferred": Range(0, 1)}, Range(USERS, USERS + 1)),
        {"after": 500},
    ),
    scenario(
        "html-users",
        "1 in 100 users always gets an HTML page",
        some("unknown", ONE_IN_100, 4, seconds=at_most(30), reasons={"http_200_html": exactly(ONE_IN_100)}),
        _EVERY_100,
    ),
    scenario(
        "500-users",
        "1 in 200 users always gets a 500 that is stored under the key and replayed",
        some("unknown", ONE_IN_200, 1, reasons={"http_500_replayed": exactly(ONE_IN_200)}),
        {"every_user": 200},
    ),
    scenario(
        "silent-users",
        "1 in 200 users never gets an answer; the request timeout is 1 s",
        some("unknown", ONE_IN_200, 4, seconds=Range(1, 30), reasons={"timeout": exactly(ONE_IN_200)}),
        request_timeout_seconds="1",
    ),
    scenario(
        "silent-canary",
        "3 users of the canary never get an answer; the request timeout is 1 s",
        some("unknown", 3, 4, seconds=Range(1, 30), reasons={"timeout": exactly(3)}),
        {"every_user": 1, "for_users": _IN_THE_CANARY},
        "silent-users",
        request_timeout_seconds="1",
    ),
)

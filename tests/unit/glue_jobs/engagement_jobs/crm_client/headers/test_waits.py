from __future__ import annotations

import time

import pytest
from multidict import CIMultiDict

from engagement_jobs.crm_client.headers.waits import RequestedWait, requested_wait

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"
EPOCH = 1_795_402_800  # DATE
YEAR = 366 * 86_400.0


def seconds(status: int = 429, *values: str, name: str = "Retry-After", **headers: str) -> float | None:
    """Return the wait of a response with these headers."""
    pairs = [("Date", DATE), *((name, value) for value in values)]
    pairs += [(header.replace("_", "-"), value) for header, value in headers.items()]
    wait = requested_wait(status, CIMultiDict(pairs))
    return None if wait is None else wait.seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # numbers
        ("5", 5.0),
        (" 120 ", 120.0),
        ('"120"', 120.0),
        ("+7", 7.0),
        ("1.5", 1.5),
        (".25", 0.25),
        ("007", 7.0),
        ("86400", 86_400.0),
        # with a unit
        ("120s", 120.0),
        ("2 min", 120.0),
        ("2 minutes", 120.0),
        ("1500ms", 1.5),
        ("250 milliseconds", 0.25),
        ("30 Seconds", 30.0),
        ("1.5h", 5400.0),
        ("1m30s", 90.0),
        ("6m0s", 360.0),
        ("1 d", 86_400.0),
        ("PT2M", 120.0),
        ("PT1H0.5S", 3600.5),
        ("P1D", 86_400.0),
        ("P1W", 604_800.0),
        ("P1W1DT1S", 691_201.0),
        ("2 weeks", 1_209_600.0),
        ("00:02:00", 120.0),
        ("1:00:30", 3630.0),
        ("120 (seconds)", 120.0),
        ("2 (min)", 120.0),
        ("1 hour, 30 minutes", 5400.0),
        ("1 day, 2 hours, 3 s", 93_603.0),
        # lists: the longest
        ("5s, 10s", 10.0),
        ("30 s, 1 min", 60.0),
        ("1 hour, 120", 3600.0),
        ("5, 10", 10.0),
        ("10,5", 10.0),
        ("5, Mon, 23 Nov 2026 03:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 03:00:30 GMT, 120", 120.0),
        ("120; comment=maintenance", 120.0),
        # HTTP dates, all three forms, and others that mean an instant
        ("Mon, 23 Nov 2026 03:00:30 GMT", 30.0),
        ("Monday, 23-Nov-26 03:00:30 GMT", 30.0),
        ("Mon Nov 23 03:00:30 2026", 30.0),
        ("mon, 23 nov 2026 03:00:30 gmt", 30.0),
        ("Mon, 23 Nov 2026 04:00:30 +0100", 30.0),
        ("2026-11-23T03:00:30Z", 30.0),
        ("2026-11-23T03:00:30.500Z", 30.5),
        ("2026-11-23T04:00:30+01:00", 30.0),
        ("2026-11-23 03:00:30", 30.0),
        ("2026-11-23 03:00:30 UTC", 30.0),
        (str(EPOCH + 30), 30.0),
        (f"{EPOCH + 30}.5", 30.5),
        (f"{EPOCH + 30}000", 30.0),
        (f"{EPOCH + 30}000000", 30.0),
        # too long
        ("100000", 100_000.0),
        ("9" * 400, YEAR),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR),
        # no wait
        ("0", None),
        ("0.0", None),
        ("-5", None),
        ("-5s", None),
        ("0s", None),
        ("", None),
        ("Mon, 23 Nov 2026 02:59:00 GMT", None),
        ("2026-11-23T02:59:00Z", None),
        (str(EPOCH - 30), None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        # unreadable: a second
        ("soon", 1.0),
        ("1e3", 1.0),
        ("inf", 1.0),
        ("nan", 1.0),
        ("5 fortnights", 1.0),
        ("1.2.3", 1.0),
        ("PT", 1.0),
        ("12:30", 1.0),
        ("00:99:00", 1.0),
        ("120s (2 min)", 1.0),
        ("2026-13-40", 1.0),
        ("Mon, 99 Nov 2026 03:00:30 GMT", 1.0),
        ("Mon, 23 Nov 2026 00:00:00 +9999", 1.0),
        ("\u0665", 1.0),
    ],
)
def test_value_is_read_in_every_clear_form(value: str, expected: float | None) -> None:
    assert seconds(429, value) == expected


def test_longest_of_several_header_lines_counts() -> None:
    assert seconds(429, "5", "60", "7") == 60.0
    assert seconds(429, "2", Retry_After_Ms="1500") == 2.0
    assert seconds(429, "1", Retry_After_Ms="1500") == 1.5


@pytest.mark.parametrize("name", ["Retry-After-Ms", "retry-after-ms", "x-ms-retry-after-ms"])
@pytest.mark.parametrize(("value", "expected"), [("1500", 1.5), ("250.5", 0.2505), ("1500ms", 1.5), ("0", None)])
def test_milliseconds_are_read(name: str, value: str, expected: float | None) -> None:
    assert seconds(429, value, name=name) == expected


@pytest.mark.parametrize("status", [200, 204, 301, 401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504])
def test_every_status_may_request_a_wait(status: int) -> None:
    assert seconds(status, "7") == 7.0


def test_interval_for_polling_is_no_wait() -> None:
    assert seconds(202, "7") is None


def test_dates_count_from_the_date_of_the_response() -> None:
    headers = {"date": "Mon, 23 Nov 2020 03:00:00 GMT", "retry-after": "Mon, 23 Nov 2020 03:01:00 GMT"}
    assert requested_wait(503, headers) == RequestedWait(60.0, "Mon, 23 Nov 2020 03:01:00 GMT")


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}])
def test_dates_count_from_the_local_clock_without_a_date(date: dict[str, str]) -> None:
    wait = requested_wait(503, date | {"retry-after": str(int(time.time()) + 100)})
    assert wait is not None
    assert 90 <= wait.seconds <= 101


def test_raw_value_is_short_and_printable() -> None:
    wait = requested_wait(429, {"retry-after": "s\u00f6\x07on" + "x" * 1000})
    assert wait == RequestedWait(1.0, "s??on" + "x" * 95)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 30.0),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(EPOCH + 45)}, 45.0),
        (429, {"RateLimit": '"default";r=0;t=12'}, 12.0),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30", "Retry-After": "2"}, 2.0),
        (429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30", "Retry-After": "0"}, None),
        (429, {"X-RateLimit-Remaining": "5", "X-RateLimit-Reset": "30"}, None),
        (429, {"X-RateLimit-Remaining": "0"}, None),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, None),
        (500, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, None),
    ],
)
def test_reset_of_a_used_up_quota_is_a_wait(status: int, headers: dict[str, str], expected: float | None) -> None:
    wait = requested_wait(status, CIMultiDict({"Date": DATE, **headers}))
    assert (None if wait is None else wait.seconds) == expected

from __future__ import annotations

import pytest

from engagement_jobs.crm_client.retry_after import retry_after_seconds

DATE = "Mon, 23 Nov 2026 03:00:00 GMT"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("5", 5.0),
        (" 120 ", 120.0),
        ("Mon, 23 Nov 2026 03:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 02:59:00 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("0", None),
        ("9" * 400, 366 * 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 366 * 86_400.0),
        ("Mon, 23 Nov 2026 00:00:00 +9999999999999999", None),
        ("", None),
        (None, None),
    ],
)
def test_parses_seconds_and_dates(retry_after: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(retry_after, DATE) == seconds


def test_date_counts_from_the_date_of_the_response() -> None:
    skewed = "Mon, 23 Nov 2020 03:00:00 GMT"
    assert retry_after_seconds("Mon, 23 Nov 2020 03:01:00 GMT", skewed) == 60.0

"""Numbers as the report shows them."""

from __future__ import annotations

import pytest

from engagement.summary import number_formats


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number_formats.number(None), "–"),  # noqa: RUF001
        (number_formats.number(1234567), "1,234,567"),
        (number_formats.number(47.63), "47.6"),
        (number_formats.number(1234.56), "1,235"),
        (number_formats.share(0, 5), "0 %"),
        (number_formats.share(5, 0), "0 %"),
        (number_formats.share(1, 10**6), "< 0.1 %"),
        (number_formats.share(999_999, 10**6), "99.9 %"),
        (number_formats.share(7, 7), "100 %"),
        (number_formats.limit(0.01), "1 %"),
        (number_formats.limit(0.0025), "0.25 %"),
        (number_formats.milliseconds(0.42), "0.4 ms"),
        (number_formats.milliseconds(187.4), "187 ms"),
        (number_formats.milliseconds(31_200), "31.2 s"),
        (number_formats.duration(59.6), "1 min 00 s"),
        (number_formats.duration(7), "7 s"),
        (number_formats.duration(3725), "1 h 02 min"),
        (number_formats.usd(0.0293), "$0.029"),
        (number_formats.usd(0), "$0.00"),
        (number_formats.usd(1234.5), "$1,234.50"),
        (number_formats.usd(None), "unknown"),
    ],
)
def test_formats(shown: str, expected: str) -> None:
    assert shown.replace("\N{NO-BREAK SPACE}", " ") == expected

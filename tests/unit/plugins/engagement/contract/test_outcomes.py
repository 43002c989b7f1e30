"""Reasons of error groups on one line."""

from __future__ import annotations

import pytest

from engagement.contract.outcomes import ErrorGroup, main_reasons


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([], "no reason was recorded"),
        ([("timeout", 1), ("http_422", 1200)], "http_422 (1,200), timeout (1)"),
        (
            [("dns", 1), ("http_422", 9), ("reset", 3), ("http_422", 1), ("tls", 2)],
            "http_422 (10), reset (3), tls (2), 1 more",
        ),
    ],
)
def test_the_most_frequent_reasons_come_first(counts: list[tuple[str, int]], expected: str) -> None:
    groups = [
        ErrorGroup(outcome="rejected", reason=reason, http_status=None, detail="user U1 is unknown", count=count)
        for reason, count in counts
    ]
    assert main_reasons(groups) == expected

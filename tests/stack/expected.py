"""The score of each user, computed independently of the scoring job."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import duckdb


def expected_scores(extract: Path) -> dict[str, str]:
    """Compute the score of each user from the extract, by exact arithmetic."""
    shares = ((Fraction(20), 10), (Fraction(25), 100), (Fraction(25), 120), (Fraction(30), 8))
    columns = "user_id, login_count, items_viewed, time_spent_minutes, cart_additions"
    rows = duckdb.read_parquet(str(extract)).project(columns).fetchall()
    scores = {}
    for user, *metrics in rows:
        exact = sum(
            share * min(Fraction(value) / cap, Fraction(1)) for value, (share, cap) in zip(metrics, shares, strict=True)
        )
        # Round to 8 decimals first, as the contract says: a double cannot represent every half.
        eight = Decimal(round(exact * 10**12)).scaleb(-12).quantize(Decimal("1e-8"), ROUND_HALF_UP)
        scores[user] = str(eight.quantize(Decimal("0.01"), ROUND_HALF_UP))
    return scores

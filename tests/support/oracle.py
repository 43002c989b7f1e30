"""The expected result of the scoring job, computed independently: in DuckDB, with integers, without code of the job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

METRICS = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")
# Unicode's White_Space.
_BLANK = r"[\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]*"
_FAULTS = " ".join(
    f"WHEN {metric} IS NULL THEN '{metric}_null' WHEN isnan({metric}::DOUBLE) THEN '{metric}_nan' "
    f"WHEN isinf({metric}::DOUBLE) THEN '{metric}_infinite' WHEN {metric} < 0 THEN '{metric}_negative'"
    for metric in METRICS
)
_DIFFER = " OR ".join(
    f"min({metric}) IS DISTINCT FROM max({metric}) OR count({metric}) NOT IN (0, count(*))" for metric in METRICS
)
# 24e15 times the score: 100 * 0.20 / 10 = 2 for one login, and so on. The minutes have 15 decimals.
_SCORE = """
    48000000000000000 * least(login_count, 10)::HUGEINT + 6000000000000000 * least(items_viewed, 100)::HUGEINT
    + 90000000000000000 * least(cart_additions, 8)::HUGEINT
    + 5 * (least(time_spent_minutes::DOUBLE, 120)::DECIMAL(38, 15) * 1000000000000000::DECIMAL(38, 0))::HUGEINT
"""
_QUERY = f"""
CREATE TEMP TABLE classified AS
WITH extract AS (SELECT user_id, {", ".join(METRICS)} FROM read_parquet(?, union_by_name = true)),
usable AS (SELECT *, user_id IS NOT NULL AND NOT regexp_full_match(user_id, '{_BLANK}') AS has_id FROM extract),
users AS (SELECT user_id, {_DIFFER} AS differ FROM usable WHERE has_id GROUP BY user_id)
SELECT usable.*, CASE WHEN usable.user_id IS NULL THEN 'user_id_null' WHEN NOT has_id THEN 'user_id_blank'
    {_FAULTS} WHEN differ THEN 'conflicting_rows' END AS reason
FROM usable LEFT JOIN users ON has_id AND usable.user_id = users.user_id;
"""  # noqa: S608 - built from constants
_SCORES = f"""
WITH scored AS (SELECT DISTINCT ON (user_id) * FROM classified WHERE reason IS NULL),
eighth AS (SELECT user_id, (2 * ({_SCORE}) + 240000000) // 480000000 AS n FROM scored)
SELECT user_id, (2 * n + 1000000) // 2000000 FROM eighth
"""  # noqa: S608


@dataclass(frozen=True)
class Expected:
    """The expected result.

    :param rows: number of rows of the extract
    :param scores: score in hundredths by user id
    :param invalid: number of invalid rows by (user id, reason)
    """

    rows: int
    scores: dict[str, int]
    invalid: Counter[tuple[str | None, str]]

    @property
    def counts(self) -> dict[str, int]:
        """The manifest's `rows`."""
        scored, invalid = len(self.scores), self.invalid.total()
        deduplicated = self.rows - scored - invalid
        return {"input": self.rows, "scored": scored, "invalid": invalid, "deduplicated": deduplicated}

    @property
    def histogram(self) -> list[int]:
        """The manifest's `histogram`."""
        bins = Counter(min(cents // 500, 19) for cents in self.scores.values())
        return [bins[number] for number in range(20)]


def expected(files: Sequence[Path]) -> Expected:
    """Compute the expected result for the Parquet files of an extract."""
    with duckdb.connect() as connection:
        connection.execute(_QUERY, [[str(path) for path in files]])
        ((rows,),) = connection.execute("SELECT count(*) FROM classified").fetchall()
        invalid = connection.execute("SELECT user_id, reason FROM classified WHERE reason IS NOT NULL").fetchall()
        scores = connection.execute(_SCORES).fetchall()
    return Expected(rows, {user: int(cents) for user, cents in scores}, Counter(map(tuple, invalid)))

"""Generated extracts: reproducible, realistic, and with exactly the requested bad rows."""
# ruff: noqa: S608 (the queries consist of constants of this file)

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from local import extract
from local.extract import write_extract

DAY = date(2026, 11, 23)
NEXT = date(2026, 11, 24)
COLUMNS = "user_id, login_count, items_viewed, time_spent_minutes, cart_additions"
SCORE = """100 * (0.20 * least(login_count / 10, 1) + 0.25 * least(items_viewed / 100, 1)
         + 0.25 * least(time_spent_minutes / 120, 1) + 0.30 * least(cart_additions / 8, 1))"""


def query_rows(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        rows: list[tuple[Any, ...]] = connection.sql(query).fetchall()
        return rows


def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    # More than one row group, so that the order of parallel work could matter.
    first, again = (write_extract(tmp_path / name, 300_000, DAY, seed=5) for name in ("a.parquet", "b.parquet"))
    assert Path(first.path).read_bytes() == Path(again.path).read_bytes()
    small = write_extract(tmp_path / "c.parquet", 1_000, DAY, seed=5)
    other = write_extract(tmp_path / "d.parquet", 1_000, DAY, seed=6)
    assert Path(small.path).read_bytes() != Path(other.path).read_bytes()
    assert small.bytes == Path(small.path).stat().st_size


def test_an_extract_without_bad_rows_is_valid_and_distinct(tmp_path: Path) -> None:
    written = write_extract(tmp_path / "a.parquet", 10_000, DAY)
    assert query_rows(
        f"""SELECT count(*), count(DISTINCT user_id), min(least(login_count, items_viewed, cart_additions)),
            bool_and(isfinite(time_spent_minutes)), min(time_spent_minutes) FROM '{written.path}'"""
    ) == [(10_000, 10_000, 0, True, 0.0)]
    assert sum(written.bad.values()) == 0


def test_scores_are_skewed_and_range_from_0_to_100(tmp_path: Path) -> None:
    write_extract(tmp_path / "a.parquet", 10_000, DAY)
    bins = dict(
        query_rows(
            f"""SELECT CAST(least(floor({SCORE} / 10), 9) AS INTEGER), count(*)
            FROM '{tmp_path}/a.parquet' GROUP BY 1"""
        )
    )
    assert sorted(bins) == list(range(10))
    assert min(bins.values()) > 200
    assert bins[0] > 3 * bins[4]
    assert query_rows(f"SELECT min({SCORE}), max({SCORE}) FROM '{tmp_path}/a.parquet'") == [(0.0, 100.0)]


def test_scores_of_two_days_are_similar(tmp_path: Path) -> None:
    write_extract(tmp_path / "a.parquet", 10_000, DAY)
    write_extract(tmp_path / "b.parquet", 10_000, NEXT)
    [(same, correlation, profile)] = query_rows(
        f"""SELECT avg(CAST(a.score = b.score AS INTEGER)), corr(a.score, b.score),
            bool_and(a.country = b.country AND a.signup_date = b.signup_date)
        FROM (SELECT *, {SCORE} AS score FROM '{tmp_path}/a.parquet') a
        JOIN (SELECT *, {SCORE} AS score FROM '{tmp_path}/b.parquet') b USING (user_id)"""
    )
    assert 0.1 < same < 0.35
    assert 0.9 < correlation < 0.99
    assert profile


@pytest.mark.parametrize("fraction", [0.05, 0.5])
def test_bad_rows_have_the_reported_counts_and_kinds(tmp_path: Path, fraction: float) -> None:
    rows = 1_800
    path = tmp_path / "a.parquet"
    bad = write_extract(path, rows, DAY, bad_fraction=fraction).bad
    metrics = ("login_count", "items_viewed", "time_spent_minutes", "cart_additions")
    by_kind = query_rows(
        f"""SELECT count(*), count(*) FILTER (user_id IS NULL), count(*) FILTER (user_id = ''),
            count(*) FILTER (user_id <> '' AND trim(user_id) = ''), count(*) FILTER (isnan(time_spent_minutes)),
            count(*) FILTER (isinf(time_spent_minutes)),
            count(*) FILTER ({" OR ".join(f"{name} IS NULL" for name in metrics)}),
            count(*) FILTER (least(login_count, items_viewed, cart_additions) < 0
                OR time_spent_minutes BETWEEN -1e9 AND -1)
        FROM '{path}'"""
    )[0]
    names = ("null_user_id", "empty_user_id", "blank_user_id", "nan_metric", "infinite_metric", "null_metric")
    assert by_kind == (rows, *(bad[name] for name in names), bad["negative_metric"])
    pairs = f"""SELECT user_id, count(*) AS n, count(DISTINCT ({COLUMNS})) AS kinds
        FROM '{path}' WHERE trim(user_id) <> '' GROUP BY 1 HAVING n > 1"""
    assert query_rows(f"SELECT max(n), sum(n) FILTER (kinds = 2), count(*) FILTER (kinds = 1) FROM ({pairs})") == [
        (2, bad["conflicting_duplicate"], bad["identical_duplicate"])
    ]
    assert min(bad.values()) >= rows * fraction // 9
    assert sum(bad.values()) - bad["conflicting_duplicate"] // 2 == rows * fraction


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"yesterday's")
    monkeypatch.setattr(extract, "_query", lambda *_: "SELECT error('broken') FROM range(10)")
    with pytest.raises(duckdb.Error, match="broken"):
        write_extract(path, 10, DAY)
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.parquet", b"yesterday's")]


@pytest.mark.parametrize(("rows", "fraction", "says"), [(0, 0.0, "rows is 0"), (5, 0.6, "bad_fraction is 0.6")])
def test_values_out_of_range_are_rejected(tmp_path: Path, rows: int, fraction: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        write_extract(tmp_path / "a.parquet", rows, DAY, bad_fraction=fraction)

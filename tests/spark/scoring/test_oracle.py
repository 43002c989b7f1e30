"""The scoring job and an oracle agree on generated extracts with every allowed type and encoding."""

from __future__ import annotations

import io
import itertools
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import hypothesis.strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from pyspark.sql import SparkSession

from engagement_jobs.contract.errors import ExtractError, TooManyInvalidRowsError
from tests.support import glue_emulators, oracle
from tests.support.glue_days import DAY, HOSTILE_IDS, score, score_arguments
from tests.support.glue_emulators import Emulators

FOLDER = f"activity/dt={DAY}/"
INTEGERS = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()]
FRACTIONS = [pa.float32(), pa.float64(), pa.decimal128(9, 2), pa.decimal128(38, 10)]
BLANK = ["", " ", "\t\n", "\u00a0", "\u3000", "\u2028", "\x1c"]
_numbers = itertools.count()


def integer_values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    signed, bits = not str(kind).startswith("u"), kind.bit_width
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    usual = st.integers(0, 130 if high > 130 else high)
    return st.one_of(usual, usual, usual, st.integers(low, high), st.sampled_from([low, high, 0]), st.none())


def fraction_values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    hundredths = st.integers(0, 13_000)
    if pa.types.is_decimal(kind):
        largest = Decimal(10) ** (kind.precision - kind.scale) - 1
        extremes: list[Decimal | None] = [largest, -largest, Decimal(0), Decimal("0.01"), Decimal("120.01"), None]
        return st.one_of(hundredths.map(lambda n: Decimal(n) / 100), st.sampled_from(extremes))
    width = kind.bit_width
    # 0.024 minutes are 0.005 points: every other of these values is a tie.
    halves = st.integers(0, 5_000).map(lambda n: round(0.024 * n, 3))
    values = st.one_of(hundredths.map(lambda n: n / 100), halves, st.floats(width=width), st.none())
    return values.map(lambda value: value if value is None or width == 64 else float(pa.scalar(value, kind).as_py()))


def valid_rows(kinds: dict[str, pa.DataType], seed: int) -> list[dict[str, Any]]:
    """Return 300 valid rows of different users. Some of them are ties of rounding, which small examples seldom have."""
    random = Random(seed)  # noqa: S311 - the same rows for a seed

    def value(kind: pa.DataType) -> Any:
        if pa.types.is_integer(kind):
            return random.randint(0, 13)
        minutes = Decimal(random.randint(0, 5_000)) * 24 / 1000
        if pa.types.is_decimal(kind):
            return minutes.quantize(Decimal(1).scaleb(-min(kind.scale, 3)))
        return float(pa.scalar(float(minutes), kind).as_py())

    return [{"user_id": f"B{place}"} | {name: value(kind) for name, kind in kinds.items()} for place in range(300)]


IDS = st.one_of(
    st.integers(0, 40).map(lambda number: f"U{number}"),  # so few that there are duplicates
    st.sampled_from(HOSTILE_IDS),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.sampled_from([None, *BLANK]),
)


@st.composite
def tables(draw: st.DrawFn) -> list[pa.Table]:
    """Draw the files of an extract, with one schema; some have no rows."""
    kinds = {
        "login_count": draw(st.sampled_from(INTEGERS)),
        "items_viewed": draw(st.sampled_from(INTEGERS)),
        "time_spent_minutes": draw(st.sampled_from(FRACTIONS + INTEGERS)),
        "cart_additions": draw(st.sampled_from(INTEGERS)),
    }
    values = {
        name: integer_values(kind) if pa.types.is_integer(kind) else fraction_values(kind)
        for name, kind in kinds.items()
    }
    rows = draw(st.lists(st.fixed_dictionaries({"user_id": IDS, **values}), max_size=120))
    copies = draw(st.lists(st.sampled_from(rows), max_size=10)) if rows else []
    if draw(st.booleans()):
        copies += valid_rows(kinds, draw(st.integers(0, 2**32)))
    more = {"score": pa.string(), "tags": pa.list_(pa.int8()), "at": pa.timestamp("ns", "UTC")}
    fields = [pa.field("user_id", pa.string()), *(pa.field(name, kind) for name, kind in kinds.items())]
    fields += [
        pa.field(name, kind)
        for name, kind in draw(st.lists(st.sampled_from(sorted(more.items(), key=str)), unique=True))
    ]
    schema = pa.schema(draw(st.permutations(fields)))
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows + copies], schema)
    cuts = sorted(draw(st.lists(st.integers(0, len(table)), max_size=3)))
    return [table.slice(begin, end - begin) for begin, end in itertools.pairwise([0, *cuts, len(table)])]


@pytest.mark.timeout(900)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=tables(), dictionary=st.booleans(), marked=st.booleans(), group=st.sampled_from([1, 7, 1000]))
def test_the_scoring_job_and_the_oracle_agree(
    spark: SparkSession, emulators: Emulators, files: list[pa.Table], dictionary: bool, marked: bool, group: int
) -> None:
    # Hypothesis runs this many times with the same fixtures, so each run needs a bucket of its own.
    bucket = glue_emulators.make_bucket(f"oracle-{next(_numbers):04d}", emulators, spark)
    if not marked:
        files = [pa.concat_tables(files)]
    folder = Path(emulators.root) / bucket.name / FOLDER
    names = [f"part-{number}.parquet" for number in range(len(files))] if marked else ["activity.parquet"]
    etags = {}
    for name, table in zip(names, files, strict=True):
        body = io.BytesIO()
        pq.write_table(table, body, use_dictionary=dictionary, row_group_size=group)
        etags[f"{FOLDER}{name}"] = bucket.put(f"{FOLDER}{name}", body.getvalue())
    expected = oracle.expected([folder / name for name in names])

    arguments = score_arguments(
        bucket,
        None,
        input_uri=f"s3://{bucket.name}/{FOLDER}" + ("" if marked else names[0]),
        input_etags=json.dumps(etags),
        max_invalid_fraction="1",
    )
    if not expected.scores:
        with pytest.raises(TooManyInvalidRowsError if expected.rows else ExtractError):
            score(spark, arguments)
        assert read_invalid_rows(bucket) == expected.invalid
        return
    manifest = score(spark, arguments)
    assert manifest["rows"] == expected.counts
    assert manifest["histogram"] == expected.histogram
    assert sum(each["rows"] for each in manifest["input"]) == expected.rows
    assert Counter(manifest["reasons"]) == Counter(reason for _, reason in expected.invalid.elements())
    lines = [line for entry in manifest["files"] for line in bucket.table(f"scores/dt={DAY}/{entry['name']}")[1:]]
    assert {user: int(text.replace(".", "")) for user, text, _ in lines} == expected.scores
    assert len(lines) == len(expected.scores)
    assert read_invalid_rows(bucket) == expected.invalid


def read_invalid_rows(bucket: glue_emulators.Bucket) -> Counter[tuple[str | None, str]]:
    """Count the invalid rows that the job wrote, by user id and reason."""
    return Counter((line["user_id"], line["reason"]) for line in bucket.lines(f"invalid/dt={DAY}/"))

"""The Athena tables, compared with files as the jobs write them, and the saved query."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engagement_jobs.contract.csv_columns import SCORES_COLUMNS
from engagement_jobs.delivery.ledger import FIELDS
from tests.unit.infra.deployed import deployed

DAY = "2026-11-23"
OUTPUT = f"s3://{deployed('pipeline').outputs['OutputBucketName']}"
# Hive's types and DuckDB's names for them.
TYPES = {"string": "VARCHAR", "int": "INTEGER", "double": "DOUBLE"}
SENT: dict[str, Any] = {
    "user_id": "domain\\u,1",
    "score": "73.25",
    "key": "0c1d",
    "payload_sha256": "9f86",
    "revision": 0,
    "outcome": "unknown",
    "reason": "timeout",
    "http_status": None,
    "tries": 2,
    "latency_ms": None,
    "first_sent_at": "2026-11-23T03:10:00.125Z",
    "settled_at": "2026-11-23T03:11:00.250Z",
    "run_id": "scheduled__2026-11-23T03:00:00+00:00",
}
AGAIN = {
    **SENT,
    "outcome": "delivered",
    "reason": "http_200",
    "http_status": 200,
    "tries": 1,
    "latency_ms": 41.7,
    "settled_at": "2026-11-23T03:31:00.500Z",
}
OTHER = {**SENT, "user_id": "u2", "score": "9.00"}


@pytest.fixture(scope="module")
def tables() -> dict[str, Any]:
    made = deployed("pipeline").of_type("AWS::Glue::Table").values()
    return {one["TableInput"]["Name"]: one["TableInput"] for one in made}


def lines(*entries: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(entry)}\n" for entry in entries)


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """Two days of an output bucket, each with all the other files in the folders of the ledger."""
    aggregate = {"version": 1, "run_id": SENT["run_id"], "task": "0", "outcomes": {"delivered": 1}}
    for day, entries in ((DAY, (SENT, OTHER)), ("2026-11-24", (OTHER,))):
        folder = tmp_path / "responses" / f"dt={day}"
        for attempt, ledger in (("jr_1", entries), ("jr_2", (AGAIN,))):
            part = folder / f"attempt={attempt}"
            part.mkdir(parents=True)
            (part / "part-0-000000.jsonl").write_text(lines(*ledger))
            (part / "agg-0.json").write_text(json.dumps(aggregate))
        (folder / "_manifest.json").write_text('{"run_id": "a manifest"}')
        (folder / "failed.csv").write_text("UserID,outcome,reason,http_status\nu3,deferred,http_503,503\n")
    return tmp_path


def test_columns_have_the_names_and_types_of_the_ledger(tables: dict[str, Any]) -> None:
    columns = {one["Name"]: one["Type"] for one in tables["responses"]["StorageDescriptor"]["Columns"]}
    assert tuple(columns) == FIELDS
    assert tuple(SENT) == FIELDS  # the sample is a complete line of the ledger
    python = {"string": str, "int": int, "double": float}
    for name, kind in columns.items():
        for entry in (SENT, AGAIN):
            assert entry[name] is None or type(entry[name]) is python[kind], name


def test_columns_of_scores_have_the_order_of_the_files(tables: dict[str, Any]) -> None:
    columns = tables["scores"]["StorageDescriptor"]["Columns"]
    # The SerDe reads CSV by position; the column names are those of the ledger.
    assert [one["Comment"].partition(" in ")[0] for one in columns] == list(SCORES_COLUMNS)
    assert {one["Type"] for one in columns} == {"string"}  # the only type that this SerDe supports reliably


@pytest.mark.parametrize("name", ["responses", "scores"])
def test_days_need_no_registration(tables: dict[str, Any], name: str) -> None:
    table = tables[name]
    assert [(one["Name"], one["Type"]) for one in table["PartitionKeys"]] == [("dt", "string")]
    projection = {key.removeprefix("projection."): value for key, value in table["Parameters"].items()}
    assert projection["enabled"] == "true"
    assert (projection["dt.type"], projection["dt.format"]) == ("date", "yyyy-MM-dd")
    first, last = projection["dt.range"].split(",")
    assert first <= "2026-01-01"  # the DAG's first day
    assert last == "NOW+1DAYS"  # in some business timezones it is already tomorrow
    folder = f"{OUTPUT}/{name}/"
    assert table["StorageDescriptor"]["Location"] == folder
    assert table["Parameters"]["storage.location.template"] == folder + "dt=${dt}/"


def test_the_saved_query_shows_what_was_sent_to_a_user(tables: dict[str, Any], bucket: Path) -> None:
    query = deployed("pipeline").properties("WhatWasSentQuery")
    names = re.search(r"SELECT (.+)\n", query["QueryString"])
    assert names
    rows = run_query(tables["responses"], query["QueryString"], bucket, DAY, SENT["user_id"])
    found = [dict(zip(names[1].split(", "), row, strict=True)) for row in rows]
    assert found == [{name: entry[name] for name in found[0]} for entry in (SENT, AGAIN)]
    assert set(FIELDS) - found[0].keys() == {"user_id", "payload_sha256"}
    assert run_query(tables["responses"], query["QueryString"], bucket, "2026-11-25", "u2") == []
    assert len(run_query(tables["responses"], query["QueryString"], bucket, "2026-11-24", "u2")) == 1


def test_other_files_become_rows_without_a_user(tables: dict[str, Any], bucket: Path) -> None:
    counted = "SELECT count(user_id) FROM responses WHERE dt = ?"
    assert run_query(tables["responses"], counted, bucket, DAY) == [(3,)]
    anonymous = (
        "SELECT DISTINCT regexp_extract(\"$path\", '[a-z]+[^/]*$') FROM responses WHERE user_id IS NULL ORDER BY 1"
    )
    assert run_query(tables["responses"], anonymous, bucket) == [("agg-0.json",), ("failed.csv",)]


def test_scores_of_users_with_special_characters_are_read(tables: dict[str, Any], tmp_path: Path) -> None:
    """The job writes CSV like Python's writer; DuckDB reads it with the table's separator, quotes and header."""
    row = ('a\\b"c,d', "73.25", "2026-11-23T03:00:00Z")
    file = tmp_path / "part-00000.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows([SCORES_COLUMNS, row])
    given = tables["scores"]["StorageDescriptor"]["SerdeInfo"]["Parameters"]
    skipped = int(tables["scores"]["Parameters"]["skip.header.line.count"])
    with duckdb.connect() as connection:
        read = connection.execute(
            "SELECT * FROM read_csv(?, delim=?, quote=?, escape=?, skip=?, header=false, all_varchar=true)",
            [str(file), given["separatorChar"], given["quoteChar"], given["quoteChar"], skipped],
        ).fetchall()
    assert read == [row]


def run_query(table: dict[str, Any], query: str, bucket: Path, *values: str) -> list[tuple[Any, ...]]:
    """Run a query in DuckDB as Athena would: with the table's columns, on all its files except hidden ones."""
    where = table["StorageDescriptor"]["Location"].replace(OUTPUT, str(bucket))
    files = [str(file) for file in Path(where).rglob("*") if file.is_file() and not file.name.startswith(("_", "."))]
    columns = {one["Name"]: TYPES[one["Type"]] for one in table["StorageDescriptor"]["Columns"]}
    day = table["Parameters"]["storage.location.template"].rpartition("/dt=")[2].replace("${dt}/", r"dt=([0-9-]{10})/")
    with duckdb.connect() as connection:
        connection.execute("SET home_directory = ?", [str(bucket)])
        connection.execute(
            f'CREATE VIEW {table["Name"]} AS SELECT * EXCLUDE filename, filename AS "$path", '  # noqa: S608 - ours
            f"regexp_extract(filename, '{day}', 1) AS dt FROM read_json({files}, columns={columns}, "
            f"format='newline_delimited', ignore_errors={table_ignores(table)}, filename=true)"
        )
        return connection.execute(query, list(values)).fetchall()


def table_ignores(table: dict[str, Any]) -> str:
    ignores: str = table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["ignore.malformed.json"]
    return ignores

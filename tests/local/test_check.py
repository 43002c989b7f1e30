"""`make check`: what it prints about an extract, and when it fails."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from local.check import report
from local.check.night import Inputs, run
from local.extract import write_extract

DAY = date(2026, 11, 23)


@pytest.fixture
def write(tmp_path: Path) -> Path:
    """Folder of the extracts of a test."""
    folder = tmp_path / "extracts"
    folder.mkdir()
    return folder


def printed(capsys: pytest.CaptureFixture[str], activity: Path, expected_status: int) -> list[str]:
    """Check an extract; return the printed lines."""
    folder = activity.parent / "check"
    assert run(Inputs(activity, folder=folder)) == expected_status
    lines = capsys.readouterr().out.splitlines()
    assert not any("Traceback" in line for line in lines)
    shutil.rmtree(folder)
    return lines


def test_a_good_folder_passes_with_rows_and_histogram(write: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, rows in (("a", 300), ("b", 300)):  # the same users, and the same rows: they count once
        write_extract(write / "export" / f"{name}.parquet", rows, DAY)
    lines = printed(capsys, write / "export", 0)
    assert lines[0] == f"{write / 'export'} has no _SUCCESS: have it uploaded last, a run waits for it"
    assert lines[1].startswith("check_activity: s3://activity/export/ is complete, ")
    assert lines[2].startswith("score_users: 600 rows: 300 scored, 0 invalid, 300 deduplicated, weights ")
    assert lines[3:5] == [f"        300 rows in export/{name}.parquet" for name in "ab"]
    histogram = lines[5:]
    assert len(histogram) == 20
    assert histogram[0].startswith("    0 to   5 ")
    assert sum(int(line.split()[3].replace(",", "")) for line in histogram) == 300


def test_too_many_invalid_rows_fail_with_samples(write: Path, capsys: pytest.CaptureFixture[str]) -> None:
    activity = write / "bad.parquet"
    bad = write_extract(activity, 200, DAY, bad_fraction=0.4).bad
    lines = printed(capsys, activity, 1)
    assert f"{bad['conflicting_duplicate']:>11,} conflicting_rows" in lines
    position = lines.index(f"{bad['null_user_id']:>11,} user_id_null")
    assert lines[position + 1].startswith('            {"user_id": null, "login_count": ')
    failure = next(line for line in lines if line.startswith("score_users failed: "))
    assert "TooManyInvalidRowsError: s3://activity/bad.parquet: 81 of 200 rows are invalid (" in failure


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"user_id,login_count\n", "is not Parquet: it begins with b'user'"),
        (b"", "has 0 bytes, expected a Parquet file of at least 12"),
        (b"PARE" + bytes(20) + b"PARE", "the footer is encrypted (Parquet modular encryption)"),
    ],
)
def test_an_invalid_file_fails_the_check(
    write: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    activity = write / "export.parquet"
    activity.write_bytes(content)
    lines = printed(capsys, activity, 1)
    assert len(lines) == 1
    assert lines[0].startswith("check_activity failed: s3://activity/export.parquet")
    assert words in lines[0]


def test_a_column_of_another_type_fails_the_scoring(write: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import duckdb

    activity = write / "export.parquet"
    with duckdb.connect() as connection:
        connection.sql("select 'u1' as user_id, 'many' as login_count").write_parquet(str(activity))
    lines = printed(capsys, activity, 1)
    assert "SchemaError: s3://activity/export.parquet: column " in lines[1]
    assert lines[1].startswith("score_users failed: ")


def test_reasons_are_sorted_by_frequency_with_two_samples(tmp_path: Path) -> None:
    rows = ['{"user_id": null, "reason": "user_id_null"}', *(f'{{"a": {n}, "reason": "a_null"}}' for n in range(3))]
    (tmp_path / "part-0.json").write_text("\n".join(rows[:2]) + "\n")
    (tmp_path / "part-1.json").write_text("\n".join(rows[2:]) + "\n")
    assert report.format_invalid_rows(tmp_path).splitlines() == [
        f"invalid rows, all in {tmp_path}:",
        "          3 a_null",
        '            {"a": 0}',
        '            {"a": 1}',
        "          1 user_id_null",
        '            {"user_id": null}',
    ]
    assert report.format_invalid_rows(tmp_path / "none") == ""

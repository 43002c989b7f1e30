"""The scoring job next to other engines that read, score and write, without any checks."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from benchmarks import jobs, page, processes
from benchmarks.page import Target
from benchmarks.processes import BENCH, GLUE
from benchmarks.results import Figures, Measurement, Part, ratios, values
from local import s3_emulator, stack
from local.extract import write_extract

TITLE = "Score"
CHART = "Seconds by number of rows"

CLEAN, BAD, SPARK = "this project", "this project, 1 % bad rows", "bare Spark"
PEERS = {SPARK: "spark", "DuckDB": "duckdb", "Polars": "polars", "pandas": "pandas"}
_ROUNDS, _QUICK_ROUNDS = {10_000: 5, 1_000_000: 3, 10_000_000: 5}, 5
_QUICK = (10_000, 10_000_000)
_BUCKET = "bench"
_BAD_FRACTION = 0.01
# Different rounding of halves moves the mean by less.
_MEAN_TOLERANCE = 1e-3
# One reason for each kind of bad row.
_REASONS = (
    *("user_id_null", "user_id_blank", "login_count_null", "login_count_negative"),
    *("time_spent_minutes_nan", "time_spent_minutes_infinite", "conflicting_rows"),
)

_TEXT = """\
Seconds by number of rows; CPU, memory and the ratio to bare Spark are for {largest}.

{table}

- **This project** is the script of the scoring job, from its arguments to its manifest. The bad rows are of every kind,
  with equal and conflicting duplicates; the other engines could not read them. The **others** use the same formula and
  check nothing. Bare Spark has the same cores and heap (4 GB); DuckDB, Polars and pandas run on one machine only.
- Wall clock, CPU and memory (sampled, of all processes) are those of the complete command, including its start. A lost
  row or a different mean score ends the benchmark."""


@dataclass(frozen=True)
class ExtractPair:
    """Two extracts of `rows` rows on the S3 emulator, one with bad rows, and their ETags by contestant."""

    rows: int
    root: Path
    env: dict[str, str]
    etags: dict[str, str]

    def score(self, name: str) -> tuple[dict[str, float], float]:
        """Let one contestant score its extract; return its figures and the mean score.

        :raises RuntimeError: it failed or lost a row
        """
        ours = name in (CLEAN, BAD)
        scores, out = self.root / _BUCKET / f"scores/dt={jobs.DAY}", self.root / _BUCKET / "out"
        for folder in (scores, out):
            shutil.rmtree(folder, ignore_errors=True)
        out.mkdir()
        env = jobs.spark_env(self.root, self.root.parent / "scratch") if ours or name == SPARK else {}
        used = processes.measure(self._command(name), {**self.env, **env})
        count, mean = _scores(scores if ours else out)
        expected = _check_manifest(scores / "_manifest.json", self.rows) if name == BAD else self.rows
        if count != expected:
            raise RuntimeError(f"{name}: expected {expected:,} scores, got {count:,}")
        return {"wall": used["wall"], "cpu": used["cpu"], "memory": used["memory"]}, mean

    def _command(self, name: str) -> list[str]:
        if name in (CLEAN, BAD):
            return jobs.score_users(_BUCKET, _key(name), self.etags[name])
        spark = name == SPARK
        folder = f"s3://{_BUCKET}" if spark else str(self.root / _BUCKET)
        module = ["-m", "benchmarks.score.peers", PEERS[name]]
        return [str(GLUE if spark else BENCH), *module, f"{folder}/{_key(CLEAN)}", f"{folder}/out/scores"]


def measure(run: Measurement) -> None:
    """Let all contestants take turns for each number of rows.

    :raises RuntimeError: they do not agree on the mean score
    """
    contestants = (CLEAN, BAD, SPARK) if run.quick else (CLEAN, BAD, *PEERS)
    for rows in run.rows or (_QUICK if run.quick else tuple(_ROUNDS)):
        with _day(run.folder, rows) as day:
            for _ in range(run.rounds or (_QUICK_ROUNDS if run.quick else _ROUNDS.get(rows, 3))):
                means = {}
                for name in contestants:
                    found, means[name] = day.score(name)
                    run.add(_case(rows), name, **found)
                of_same = [mean for name, mean in means.items() if name != BAD]
                if max(of_same) - min(of_same) > _MEAN_TOLERANCE:
                    raise RuntimeError(f"expected the same mean score of all contestants, got {means}")


def targets(figures: Figures) -> list[Target]:
    """Return the targets for the scoring job."""

    def bad(rows: int, limit: float) -> Target:
        found = ratios(figures, _case(rows), "wall", BAD, CLEAN)
        return Target(f"seconds for {rows:,} rows, 1 % bad", found, limit, page.times, of="the same without bad ones")

    clean = ratios(figures, _case(10_000_000), "wall", CLEAN, SPARK)
    return [
        Target("seconds for 10,000,000 clean rows", clean, 2.0, page.times, of=SPARK),
        bad(10_000_000, 1.4),
        bad(10_000, 1.5),
    ]


def text(part: Part) -> str:
    """Return the table of all contestants and what they are."""
    figures = part.figures
    largest = list(figures)[-1]
    rows = [
        (
            name,
            *(page.median(values(figures, case, name, "wall"), "{:.1f}".format) for case in figures),
            f"{statistics.median(values(figures, largest, name, 'cpu')):.1f}",
            f"{statistics.median(values(figures, largest, name, 'memory')) / 1e6:,.0f}",
            f"{statistics.median(ratios(figures, largest, 'wall', name, SPARK)):.2f}",
        )
        for name in figures[largest]
    ]
    head = ("contestant", *figures, "CPU, s", "memory, MB", "to bare Spark")
    return _TEXT.format(table=page.table(head, rows), largest=largest)


def _case(rows: int) -> str:
    return f"{rows:,} rows"


def _key(name: str) -> str:
    return f"activity/dt={jobs.DAY}/{'bad' if name == BAD else 'clean'}.parquet"


def _scores(folder: Path) -> tuple[int, float]:
    """Return the number and the mean of the scores in the folder's CSV files."""
    files = f"read_csv('{folder}/**/*.csv', header = true, all_varchar = true)"
    ((count, mean),) = duckdb.execute(f"SELECT count(*), avg(Calculated_Score::DOUBLE) FROM {files}").fetchall()  # noqa: S608 - the path is our own
    return int(count), float(mean)


def _check_manifest(file: Path, rows: int) -> int:
    """Return the number of scores in the manifest of an extract with bad rows.

    :raises RuntimeError: a kind of bad row is missing
    """
    manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    reasons, scored = manifest["reasons"], int(manifest["rows"]["scored"])
    missing = [reason for reason in _REASONS if not reasons.get(reason)]
    if scored + sum(reasons.values()) >= rows:
        missing.append("equal duplicates")
    if missing:
        raise RuntimeError(f"expected bad rows of every kind, got none of {', '.join(missing)}")
    return scored


@contextlib.contextmanager
def _day(folder: Path, rows: int) -> Iterator[ExtractPair]:
    """Write and upload both extracts; remove everything on exit."""
    shutil.rmtree(folder, ignore_errors=True)
    root, extract = folder / "s3", folder / "activity.parquet"
    try:
        with s3_emulator.serve(root) as url:
            client, etags = stack.client("s3", url), {}
            client.create_bucket(Bucket=_BUCKET)
            for name in (CLEAN, BAD):
                fraction = _BAD_FRACTION if name == BAD else 0
                write_extract(extract, rows, date.fromisoformat(jobs.DAY), bad_fraction=fraction)
                client.upload_file(str(extract), _BUCKET, _key(name))
                etags[name] = client.head_object(Bucket=_BUCKET, Key=_key(name))["ETag"].strip('"')
                extract.unlink()
            yield ExtractPair(rows, root, s3_emulator.client_env(url, url), etags)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

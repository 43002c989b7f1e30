"""One extract, and each contestant's way from it to a folder of CSV; only those that agree on the scores count."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import boto3
import duckdb

from benchmarks import jobs
from benchmarks.measured import Usage
from local.extract import write_extract
from local.processes import stand_in
from local.s3 import client_env

OURS, BAD = "ours", "bad"
_BUCKET = "bench"
_KEYS = {name: f"activity/dt={jobs.DAY}/{name}.parquet" for name in (OURS, BAD)}
_BAD_FRACTION = 0.01


@dataclass(frozen=True)
class Work:
    """The extract of one day on the S3 stand-in, whose folder is `root`."""

    rows: int
    root: Path
    env: dict[str, str]
    etags: dict[str, str]

    def run(self, name: str) -> tuple[Usage, float]:
        """What a contestant took, and the mean of its scores; RuntimeError when it failed, or left out a row."""
        target = self.root / _BUCKET / "out"
        for folder in (target, self.root / _BUCKET / "scores"):
            shutil.rmtree(folder, ignore_errors=True)
        target.mkdir()
        ours = name in (OURS, BAD)
        spark = jobs.spark(self.root, self.root.parent / "scratch") if ours or name == "spark" else {}
        command = jobs.score_users(_BUCKET, _KEYS[name], self.etags[_KEYS[name]]) if ours else self._other(name)
        used = jobs.run(command, {**self.env, **spark})
        return used, self._mean(name, self.root / _BUCKET / (f"scores/dt={jobs.DAY}" if ours else "out"))

    def _other(self, name: str) -> list[str]:
        module = ["-m", "benchmarks.score.contestants", name]
        if name == "spark":
            return [str(jobs.GLUE), *module, f"s3://{_BUCKET}/{_KEYS[OURS]}", f"s3://{_BUCKET}/out/scores"]
        files = [str(self.root / _BUCKET / _KEYS[OURS]), str(self.root / _BUCKET / "out" / "scores")]
        return [str(jobs.BENCH), *module, *files]

    def _mean(self, name: str, folder: Path) -> float:
        scores = f"read_csv('{folder}/**/*.csv', header = true, all_varchar = true)"
        asked = f"SELECT count(*), avg(Calculated_Score::DOUBLE) FROM {scores}"  # noqa: S608
        ((rows, mean),) = duckdb.execute(asked).fetchall()
        rejected = self.rows * _BAD_FRACTION * 2 if name == BAD else 0  # of rows that differ both are rejected
        if not self.rows - rejected <= rows <= self.rows:
            raise RuntimeError(f"{name} wrote {rows:,} scores, wanted {self.rows:,}: its figures mean nothing")
        return float(mean)


@contextlib.contextmanager
def work(folder: Path, rows: int) -> Iterator[Work]:
    """Make two extracts of so many rows, one with bad ones, and let them arrive; all is gone when the block is left."""
    shutil.rmtree(folder, ignore_errors=True)
    root, extract = folder / "s3", folder / "activity.parquet"
    root.mkdir(parents=True)
    try:
        with stand_in("local.s3", ["--root", str(root)], folder / "s3.log") as url:
            env = client_env(url, url)
            keys = {name.lower(): env[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
            s3 = boto3.client("s3", endpoint_url=url, region_name=env["AWS_REGION"], **keys)
            s3.create_bucket(Bucket=_BUCKET)
            etags = {}
            for name, key in _KEYS.items():
                bad_fraction = _BAD_FRACTION if name == BAD else 0
                write_extract(extract, rows, date.fromisoformat(jobs.DAY), bad_fraction=bad_fraction)
                s3.upload_file(str(extract), _BUCKET, key)
                etags[key] = s3.head_object(Bucket=_BUCKET, Key=key)["ETag"].strip('"')
                extract.unlink()
            yield Work(rows, root, env, etags)
    finally:
        shutil.rmtree(folder)

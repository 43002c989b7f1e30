"""One extract, and each contestant's way from it to a folder of CSV; only those that agree on the scores count."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import boto3
import duckdb

from benchmarks import machine, measured
from benchmarks.measured import Usage
from local.extract import write_extract
from local.processes import REPOSITORY, stand_in
from local.s3 import client_env
from local.spark import conf

OURS, BAD = "ours", "bad"
_DAY = "2026-11-23"
_BUCKET = "bench"
_KEYS = {name: f"activity/dt={_DAY}/{name}.parquet" for name in (OURS, BAD)}
_BAD_FRACTION = 0.01
_GLUE, _BENCH = (REPOSITORY / folder / "bin" / "python" for folder in (".venv-glue", ".venv-bench"))
_PYTHONPATH = os.pathsep.join((str(REPOSITORY / "glue_jobs"), str(REPOSITORY)))
# As on Glue: with Java's optimizing compiler, which the stand-in does without for days of a few thousand users.
_SPARK_CONF = "spark.driver.memory=4g --conf spark.driver.extraJavaOptions=-Duser.timezone=UTC"


@dataclass(frozen=True)
class Work:
    """The extract of one day on the S3 stand-in, whose folder is `root`."""

    rows: int
    root: Path
    env: dict[str, str]
    etags: dict[str, str]

    def run(self, name: str) -> tuple[Usage, float]:
        """What a contestant took, and the mean of its scores; RuntimeError when it failed, or left out a row."""
        scratch, target = self.root.parent / "scratch", self.root / _BUCKET / "out"
        for folder in (scratch, target, self.root / _BUCKET / "scores"):
            shutil.rmtree(folder, ignore_errors=True)
        scratch.mkdir()
        target.mkdir()
        command, env = self._ours(name, scratch) if name in (OURS, BAD) else self._other(name, scratch)
        used = measured.run(command, REPOSITORY, {**os.environ, "PYTHONPATH": _PYTHONPATH, **self.env, **env})
        return used, self._mean(name, self.root / _BUCKET / (f"scores/dt={_DAY}" if name in (OURS, BAD) else "out"))

    def _ours(self, name: str, scratch: Path) -> tuple[list[str], dict[str, str]]:
        """Job 1 itself, its script and arguments as on Glue."""
        arguments = {
            "JOB_NAME": "score",
            "JOB_RUN_ID": "jr_bench",
            "score_date": _DAY,
            "scored_at": f"{_DAY}T03:00:00Z",
            "run_id": "benchmark",
            "input_uri": f"s3://{_BUCKET}/{_KEYS[name]}",
            "input_etags": json.dumps({_KEYS[name]: self.etags[_KEYS[name]]}),
            "output_bucket": _BUCKET,
            "weights_uri": "default",
            "max_reject_fraction": "0.05",
        }
        words = [word for name, value in arguments.items() for word in (f"--{name}", value)]
        return [str(_GLUE), str(REPOSITORY / "glue_jobs" / "score_users.py"), *words], self._spark(scratch)

    def _other(self, name: str, scratch: Path) -> tuple[list[str], dict[str, str]]:
        module = ["-m", "benchmarks.score.contestants", name]
        if name == "spark":
            uris = [f"s3://{_BUCKET}/{_KEYS[OURS]}", f"s3://{_BUCKET}/out/scores"]
            return [str(_GLUE), *module, *uris], self._spark(scratch)
        files = [str(self.root / _BUCKET / _KEYS[OURS]), str(self.root / _BUCKET / "out" / "scores")]
        return [str(_BENCH), *module, *files], {}

    def _spark(self, scratch: Path) -> dict[str, str]:
        return conf.environment(_GLUE, scratch, conf.properties(self.root, scratch, machine.cores(), _SPARK_CONF))

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
                write_extract(extract, rows, date.fromisoformat(_DAY), bad_fraction=bad_fraction)
                s3.upload_file(str(extract), _BUCKET, key)
                etags[key] = s3.head_object(Bucket=_BUCKET, Key=key)["ETag"].strip('"')
                extract.unlink()
            yield Work(rows, root, env, etags)
    finally:
        shutil.rmtree(folder)

"""The world that the Glue jobs live in: S3, Secrets Manager, the CRM, and Spark set up as the stand-in's Glue does."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from pyspark.sql import SparkSession

from engagement_jobs.common import spark_session as session
from local.processes import REPOSITORY, running_service
from local.s3_emulator import client_env
from local.spark import conf

TOKEN = "token-of-these-tests"
SECRET_ID = "engagement/crm-token"
SLOTS = 4
# Airflow's environment has what the stand-ins need; Spark's has not.
_PYTHON = REPOSITORY / ".venv" / "bin" / "python"
_CONF = "spark.stage.maxConsecutiveAttempts=1"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class World:
    """Running stand-ins. The folder `root`/<bucket> holds a bucket's objects as files."""

    root: Path
    crm_url: str

    def crm(self, method: str, path: str, **options: Any) -> Any:
        """Ask the CRM what it knows: `crm("GET", "stats")`."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(method, f"{self.crm_url}/_crm/{path}", headers=headers, timeout=30, **options)
        answer.raise_for_status()
        return answer.json()


@dataclass(frozen=True)
class Bucket:
    """One test's own bucket, seen through S3, never through the folder that lies behind it."""

    name: str
    client: Any

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Every object below `prefix`."""
        return {key: self.read(key) for key in self.keys(prefix)}

    def json(self, key: str) -> Any:
        return json.loads(self.read(key))

    def put(self, key: str, body: bytes) -> str:
        """Write an object; its ETag without quotes."""
        return str(self.client.put_object(Bucket=self.name, Key=key, Body=body)["ETag"]).strip('"')

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.client.delete_object(Bucket=self.name, Key=key)

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """Every JSON line of the objects below `prefix`."""
        bodies = (self.read(key) for key in self.keys(prefix) if key.endswith((".json", ".jsonl")))
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def table(self, key: str) -> list[list[str]]:
        """A CSV object's rows, as any reader of RFC 4180 sees them."""
        return list(csv.reader(io.StringIO(self.read(key).decode(), newline="")))


@contextlib.contextmanager
def running(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[World]:
    """Start the stand-ins, and let this process's AWS clients and Spark's workers find them."""
    root, logs = folder / "s3", folder / "logs"
    root.mkdir(parents=True)
    with contextlib.ExitStack() as started:
        for name in _PROXIES:
            patch.delenv(name, raising=False)
            patch.delenv(name.lower(), raising=False)
        s3_url = started.enter_context(
            running_service("local.s3_emulator", ["--root", str(root)], logs / "s3.log", python=_PYTHON)
        )
        arguments = ["--root", str(root), "--s3-url", s3_url, "--scratch", str(folder / "glue")]
        aws_url = started.enter_context(
            running_service("local.aws_emulator", arguments, logs / "aws.log", python=_PYTHON)
        )
        crm_url = started.enter_context(
            running_service("local.fake_crm", [], logs / "crm.log", {"CRM_TOKEN": TOKEN}, python=_PYTHON)
        )
        for name, value in client_env(s3_url, aws_url).items():
            patch.setenv(name, value)
        boto3.client("secretsmanager").create_secret(Name=SECRET_ID, SecretString=TOKEN)
        yield World(root, crm_url)


@contextlib.contextmanager
def spark_session(folder: Path, world: World, patch: pytest.MonkeyPatch) -> Iterator[SparkSession]:
    """Spark as a job finds it on the emulated Glue; `spark_session.start` takes this very session."""
    scratch = folder / "spark"
    scratch.mkdir(parents=True)
    settings = conf.properties(world.root, scratch, SLOTS, _CONF)
    env = conf.environment(Path(sys.executable), scratch, settings) | {
        "PYTHONPATH": os.pathsep.join((str(REPOSITORY / "glue_jobs"), str(REPOSITORY))),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    patch.delenv("SPARK_CONF_DIR", raising=False)
    for name, value in env.items():
        patch.setenv(name, value)
    spark = session.start("tests")
    try:
        yield spark
    finally:
        spark.stop()


def make_bucket(name: str, world: World, spark: SparkSession | None = None) -> Bucket:
    """A bucket; with `spark`, one that s3:// paths reach too, as a bucket made before the job started would be."""
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)  # through S3: a folder made past it is not seen at once
    if spark is not None:
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        hadoop.set(f"fs.viewfs.mounttable.{name}.linkFallback", (world.root / name).as_uri())
    return Bucket(name, client)

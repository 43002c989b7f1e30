"""The environment of the Glue jobs: S3, Secrets Manager, the fake CRM, and Spark as in the emulated Glue."""

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
# The virtual environment of Airflow has the dependencies of the emulators, that of Spark does not.
_PYTHON = REPOSITORY / ".venv" / "bin" / "python"
_CONF = "spark.stage.maxConsecutiveAttempts=1"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True)
class Emulators:
    """The running emulators and fake CRM.

    :param root: folder of S3; `root`/<bucket> has the objects of a bucket as files
    """

    root: Path
    crm_url: str

    def crm(self, method: str, path: str, **options: Any) -> Any:
        """Call the inspection API of the fake CRM, such as `crm("GET", "stats")`; return the decoded response."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        response = requests.request(method, f"{self.crm_url}/_crm/{path}", headers=headers, timeout=30, **options)
        response.raise_for_status()
        return response.json()


@dataclass(frozen=True)
class Bucket:
    """The bucket of a test, accessed through S3 and never through the folder of the emulator."""

    name: str
    client: Any

    def keys(self, prefix: str = "") -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Return all objects below `prefix` by key."""
        return {key: self.read(key) for key in self.keys(prefix)}

    def json(self, key: str) -> Any:
        return json.loads(self.read(key))

    def put(self, key: str, body: bytes) -> str:
        """Write an object; return its ETag without quotes."""
        return str(self.client.put_object(Bucket=self.name, Key=key, Body=body)["ETag"]).strip('"')

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.client.delete_object(Bucket=self.name, Key=key)

    def lines(self, prefix: str) -> list[dict[str, Any]]:
        """Return the JSON lines of all objects below `prefix`."""
        bodies = (self.read(key) for key in self.keys(prefix) if key.endswith((".json", ".jsonl")))
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def table(self, key: str) -> list[list[str]]:
        """Return the rows of a CSV object, read according to RFC 4180."""
        return list(csv.reader(io.StringIO(self.read(key).decode(), newline="")))


@contextlib.contextmanager
def running(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Emulators]:
    """Start the emulators and the fake CRM, and set the environment variables of AWS clients and Spark workers."""
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
        yield Emulators(root, crm_url)


@contextlib.contextmanager
def spark_session(folder: Path, emulators: Emulators, patch: pytest.MonkeyPatch) -> Iterator[SparkSession]:
    """Start the Spark session of an emulated Glue job. `spark_session.start` in a job returns the same session."""
    scratch = folder / "spark"
    scratch.mkdir(parents=True)
    settings = conf.properties(emulators.root, scratch, SLOTS, _CONF)
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


def make_bucket(name: str, emulators: Emulators, spark: SparkSession | None = None) -> Bucket:
    """Create a bucket.

    :param spark: make s3:// paths of this session reach the bucket, as if it had existed before the session
    """
    client = boto3.client("s3")
    client.create_bucket(Bucket=name)  # through S3, because a folder that is created directly is not visible at once
    if spark is not None:
        hadoop = spark.sparkContext._jsc.hadoopConfiguration()
        hadoop.set(f"fs.viewfs.mounttable.{name}.linkFallback", (emulators.root / name).as_uri())
    return Bucket(name, client)

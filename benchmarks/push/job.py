"""Job 2 itself, its own script on a real Spark, over scores that job 1 wrote."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from benchmarks import jobs, machine
from benchmarks.measured import Usage
from benchmarks.push.clients import TOKEN, Server
from benchmarks.push.measurements import Figures
from local.extract import write_extract

_BUCKET = "bench"
_SECRET = "crm"  # noqa: S105 - its name


@dataclass(frozen=True)
class Job:
    """A day whose scores can be delivered time and again."""

    server: Server
    scratch: Path

    def push(self, records: int, concurrency: int) -> Figures:
        """Deliver the first so many; RuntimeError unless the CRM took each once."""
        root = self.server.world.folder / "s3"
        for folder in ("responses", "delivered"):  # what it knows of earlier deliveries
            shutil.rmtree(root / _BUCKET / folder, ignore_errors=True)
        self.server.forget()
        command = jobs.command(
            "push_scores",
            output_bucket=_BUCKET,
            base_url=self.server.world.crm_url,
            secret_id=_SECRET,
            push_mode="all",
            force="false",
            limit=records,
            max_requests_per_second=1e6,
            push_tasks=machine.cores(),
            max_concurrency=concurrency // machine.cores(),
            max_attempts=5,
            request_timeout_seconds=30,
            deadline_seconds=3600,
            give_up_after_seconds=60,
            max_failed_fraction=0,
            allow_http="true",
        )
        return self._figures(records, self._run(command))

    def _figures(self, records: int, used: Usage) -> Figures:
        counts = self.server.counts()
        if counts["statuses"] != {"200": records}:
            raise RuntimeError(f"the CRM answered {counts['statuses']}, wanted 200 to {records:,}")
        first, last = (datetime.fromisoformat(counts[end]) for end in ("first_at", "last_at"))
        return Figures(
            records=records,
            rate=records / (last - first).total_seconds(),
            cpu=used["cpu"] / records * 10_000,
            peak_memory=used["peak_memory"],
            connections=counts["connections_opened"],
        )

    def _run(self, command: list[str]) -> Usage:
        world = self.server.world
        return jobs.run(command, {**world.env, **jobs.spark(world.folder / "s3", self.scratch)})

    def score(self, users: int) -> None:
        """Let an extract arrive, and job 1 score it."""
        world = self.server.world
        extract = self.scratch / "activity.parquet"
        write_extract(extract, users, date.fromisoformat(jobs.DAY), bad_fraction=0)
        s3 = world.client("s3")
        s3.create_bucket(Bucket=_BUCKET)
        s3.upload_file(str(extract), _BUCKET, jobs.ACTIVITY)
        etag = s3.head_object(Bucket=_BUCKET, Key=jobs.ACTIVITY)["ETag"].strip('"')
        self._run(jobs.score_users(_BUCKET, jobs.ACTIVITY, etag))


@contextlib.contextmanager
def scored(server: Server, users: int) -> Iterator[Job]:
    """A day of so many users, scored."""
    scratch = server.world.folder / "scratch"
    scratch.mkdir()
    server.world.client("secretsmanager").create_secret(Name=_SECRET, SecretString=TOKEN)
    job = Job(server, scratch)
    job.score(users)
    yield job

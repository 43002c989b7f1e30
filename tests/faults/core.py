"""One attempt of the delivery core without Spark and S3; its files have the names of the push job's objects.

`python -m tests.faults.core FOLDER` reads the push job's arguments as JSON from standard input and the token from
FOLDER/token, and sends the scores of FOLDER/scores that earlier attempts left open: first the canary, then all others
in `push_tasks` tasks of the same process. It runs in the Glue environment and exits with 1 where the push job would end
FAILED.
"""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.outcomes import OPEN
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.evidence.run_policy import CANARY_UNANSWERED, stop
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import SIZE, Canary
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.push.failure_check import FailureCheck


@dataclass(frozen=True)
class Attempt:
    """Arguments and folder of one attempt; `started` is in epoch seconds."""

    arguments: PushArguments
    folder: Path
    started: float

    @property
    def written(self) -> Path:
        """The folder of its ledger and aggregates."""
        return self.folder / s3_keys.attempt_prefix(self.arguments.score_date, self.arguments.job_run_id)

    def outcomes(self) -> dict[str, str]:
        """Return the last outcome of every user with a ledger line, over all attempts."""
        parts = sorted(
            (self.folder / s3_keys.responses_prefix(self.arguments.score_date)).glob("attempt=*/part-*.jsonl")
        )
        lines = (json.loads(line) for part in parts for line in part.read_bytes().splitlines())
        return {line["user_id"]: line["outcome"] for line in lines}

    def scores(self) -> dict[str, str]:
        """Return the score of every user."""
        with (self.folder / s3_keys.scores_prefix(self.arguments.score_date) / "part-0.csv").open(newline="") as file:
            return {row["UserID"]: row["Calculated_Score"] for row in csv.DictReader(file)}

    def write(self, name: str, counters: DeliveryCounters) -> None:
        """Write a task's aggregate."""
        arguments = self.arguments
        document = counters.aggregate(arguments.run_id, arguments.job_run_id, name, str(self.started))
        (self.written / f"agg-{name}.json").write_text(json.dumps(document))


async def send(attempt: Attempt, rows: Sequence[ScoreUpdate]) -> StopReason | None:
    """Send the canary, then the others unless the canary stopped; return why the delivery was stopped."""
    canary, tasks = Canary(), attempt.arguments.push_tasks
    stop_reason = await run_task(attempt, "canary", rows[:SIZE], canary)
    if not stop_reason and not canary.passed and len(rows) > SIZE:
        stop_reason = stop(CANARY_UNANSWERED, users=SIZE)
    parts = (rows[SIZE + number :: tasks] for number in range(tasks))
    running = (
        run_task(attempt, str(number), part, tasks=tasks, stop_reason=stop_reason) for number, part in enumerate(parts)
    )
    return next(filter(None, await asyncio.gather(*running)), None)


async def run_task(
    attempt: Attempt,
    name: str,
    rows: Sequence[ScoreUpdate],
    canary: Canary | None = None,
    tasks: int = 1,
    stop_reason: StopReason | None = None,
) -> StopReason | None:
    """Run one of `tasks` tasks of the delivery core; with `stop_reason`, it sends nothing and only counts."""
    arguments = attempt.arguments
    settings = DeliverySettings(
        endpoint=arguments.endpoint,
        score_date=arguments.score_date,
        run_id=arguments.run_id,
        rate=arguments.max_requests_per_second / tasks,
        burst=arguments.max_requests_per_second / 10 / tasks,
        tasks=tasks,
        max_concurrency=arguments.max_concurrency,
        max_attempts=arguments.max_attempts,
        deadline=attempt.started + arguments.deadline_seconds,
        unavailable_timeout=arguments.unavailable_timeout_seconds,
        max_retry_after=arguments.max_retry_after_seconds,
    )

    def put(key: str, body: bytes) -> None:
        (attempt.written / key).write_bytes(body)

    async def token() -> str:
        return (attempt.folder / "token").read_text()

    client = CrmHttpClient(arguments.endpoint, token, arguments.request_timeout_seconds)
    dispatcher = Dispatcher(
        settings,
        client,
        Ledger(put, "", name),
        rows,
        name=f"task {name}",
        canary=canary,
        expected_rows=len(rows),
        stop_reason=stop_reason,
    )
    await client.read_token()
    async with client:
        await dispatcher.run()
    attempt.write(name, dispatcher.counters)
    return dispatcher.stop_reason


def deliver(attempt: Attempt) -> dict[str, Any]:
    """Run the attempt and return the parts of its manifest that the matrix reads; outcomes are those of the ledger."""
    attempt.written.mkdir(parents=True)
    earlier, scores = attempt.outcomes(), attempt.scores()
    final = {user for user, outcome in earlier.items() if outcome not in OPEN}
    planned = DeliveryCounters(Counter(earlier[user] for user in final))
    attempt.write("plan", planned)
    rows = [ScoreUpdate(user, scores[user], 0, earlier.get(user) == "unknown") for user in scores if user not in final]
    stop_reason = asyncio.run(send(attempt, rows))
    outcomes = attempt.outcomes()
    posts = [json.loads(path.read_text())["posts"] for path in attempt.written.glob("agg-*.json")]
    return {
        "job_run_id": attempt.arguments.job_run_id,
        "outcomes": Counter(outcomes.get(user, "deferred") for user in scores),
        "stopped": {"cause": stop_reason.cause, "detail": stop_reason.detail} if stop_reason else None,
        "posts": sum(posts),
    }


def main() -> int:
    """Run one attempt and return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    arguments = PushArguments.parse(json.load(sys.stdin))
    attempt = Attempt(arguments, Path(sys.argv[1]), time.time())
    manifest = deliver(attempt)
    path = attempt.written.with_name(s3_keys.MANIFEST)
    path.write_text(json.dumps(manifest))
    check = FailureCheck(arguments.max_failed_fraction, in_workflow=False)
    return int(check.fails(manifest["outcomes"], stopped=manifest["stopped"] is not None))


if __name__ == "__main__":
    sys.exit(main())

"""One attempt of the delivery core without Spark and S3; its files have the names of the push job's objects.

`python -m tests.faults.core FOLDER` reads the push job's arguments as JSON from standard input and the secret from
FOLDER/secret, and sends the scores of FOLDER/scores that earlier attempts left open: first the canary, then all others
in `push_tasks` tasks of the same process. It runs in the Glue environment and exits with 1 where the push job would end
FAILED.
"""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.outcomes import ANSWERED_NOT_APPLIED, OPEN, OWN_FAILURE, SETTLED, SHARED
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.request_template import RequestTemplate, RunFields
from engagement_jobs.crm_client.http_client import CrmHttpClient
from engagement_jobs.crm_client.score_update import ScoreUpdate
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.dispatcher import Dispatcher
from engagement_jobs.delivery.evidence.run_policy import CANARY_UNANSWERED, stop
from engagement_jobs.delivery.ledger import Ledger
from engagement_jobs.delivery.limits.canary import MAX_USERS, SIZE, Canary
from engagement_jobs.delivery.stop_reasons import StopReason
from engagement_jobs.delivery.token_refresh import first_token
from engagement_jobs.push.failure_check import FailureCheck

_SCORED_AT = "2026-11-23T03:10:00Z"


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

    def lines(self) -> dict[str, list[dict[str, Any]]]:
        """Return the ledger lines of every user that has one, over all attempts."""
        folder = self.folder / s3_keys.responses_prefix(self.arguments.score_date)
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for part in sorted(folder.glob("attempt=*/part-*.jsonl")):
            for line in map(json.loads, part.read_bytes().splitlines()):
                found[line["user_id"]].append(line)
        return found

    def scores(self) -> dict[str, str]:
        """Return the score of every user."""
        with (self.folder / s3_keys.scores_prefix(self.arguments.score_date) / "part-0.csv").open(newline="") as file:
            return {row["UserID"]: row["Calculated_Score"] for row in csv.DictReader(file)}

    def write(self, name: str, counters: DeliveryCounters) -> None:
        """Write a task's aggregate."""
        arguments = self.arguments
        document = counters.aggregate(arguments.run_id, arguments.job_run_id, name, str(self.started))
        (self.written / f"agg-{name}.json").write_text(json.dumps(document))


def to_send(scores: Mapping[str, str], lines: Mapping[str, list[dict[str, Any]]], push_mode: str) -> list[ScoreUpdate]:
    """Return the users to send as the push job's plan does, those who failed alone last."""
    sent = (*OPEN, "rejected") if push_mode == "retry_rejected" else OPEN
    accepted = any(line["outcome"] == "delivered" for entries in lines.values() for line in entries)
    updates = [
        _update(user, score, lines.get(user, []), accepted)
        for user, score in scores.items()
        if user not in lines or lines[user][-1]["outcome"] in sent
    ]
    return sorted(updates, key=lambda update: update.failed_alone)


def _update(user: str, score: str, lines: list[dict[str, Any]], accepted: bool) -> ScoreUpdate:
    if not lines:
        return ScoreUpdate(user, score, 0)
    last = lines[-1]
    in_doubt = last["outcome"] == "unknown"
    return ScoreUpdate(
        user,
        score,
        sum(line["outcome"] in SETTLED or _is_answered(line) for line in lines),
        in_doubt,
        stored_key=last["key"] if in_doubt else None,
        earlier_refusal=last["reason"].removesuffix(SHARED) if accepted and last["reason"].endswith(SHARED) else None,
        failed_alone=accepted and re.search(OWN_FAILURE, last["reason"]) is not None,
    )


def _is_answered(line: Mapping[str, Any]) -> bool:
    return line["outcome"] == "deferred" and re.search(ANSWERED_NOT_APPLIED, line["reason"]) is not None


async def send(attempt: Attempt, rows: Sequence[ScoreUpdate]) -> StopReason | None:
    """Send the canary, then the others alongside its last users; return why the delivery was stopped."""
    size, tasks = sum(not row.failed_alone for row in rows[:MAX_USERS]), attempt.arguments.push_tasks
    canary = Canary(min(SIZE, size))
    first = asyncio.create_task(run_task(attempt, "canary", rows[:size], canary))
    while size and not (canary.decided.is_set() or first.done()):  # noqa: ASYNC110 (set for threads)
        await asyncio.sleep(0.02)
    stop_reason = None
    if size and not canary.released:
        stop_reason = await first or (stop(CANARY_UNANSWERED, users=canary.started) if rows[size:] else None)
    rest = rows[canary.started if canary.released else size :]
    others = [
        run_task(
            attempt,
            str(number),
            rest[number::tasks],
            tasks=tasks,
            stop_reason=stop_reason,
            had_success=canary.had_success,
        )
        for number in range(tasks)
    ]
    return next(filter(None, await asyncio.gather(first, *others)), None)


async def run_task(
    attempt: Attempt,
    name: str,
    rows: Sequence[ScoreUpdate],
    canary: Canary | None = None,
    tasks: int = 1,
    stop_reason: StopReason | None = None,
    had_success: bool = False,
) -> StopReason | None:
    """Run one of `tasks` tasks of the delivery core; with `stop_reason`, it sends nothing and only counts."""
    arguments = attempt.arguments
    settings = DeliverySettings(
        template=RequestTemplate.compile(
            CrmDocument.default(), arguments.base_url, RunFields(arguments.score_date, _SCORED_AT, "1")
        ),
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

    async def read_secret() -> str:
        return (attempt.folder / "secret").read_text()

    network = Network(
        arguments.proxy_url,
        arguments.no_proxy,
        (attempt.folder / "authorities.pem").read_text(),
        allow_http=arguments.allow_http,
    )
    client = CrmHttpClient(settings.template, read_secret, arguments.request_timeout_seconds, network)
    async with client:
        dispatcher = Dispatcher(
            settings,
            client,
            Ledger(put, "", name),
            rows,
            name=f"task {name}",
            canary=canary,
            expected_rows=len(rows),
            stop_reason=stop_reason or await first_token(client, settings),
            had_success=had_success,
        )
        await dispatcher.run()
    attempt.write(name, dispatcher.counters)
    return dispatcher.stop_reason


def deliver(attempt: Attempt) -> dict[str, Any]:
    """Run the attempt and return the parts of its manifest that the matrix reads; outcomes are those of the ledger."""
    attempt.written.mkdir(parents=True)
    lines, scores = attempt.lines(), attempt.scores()
    rows = to_send(scores, lines, attempt.arguments.push_mode)
    settled = scores.keys() - {row.user_id for row in rows}
    attempt.write("plan", DeliveryCounters(Counter(lines[user][-1]["outcome"] for user in settled)))
    stop_reason = asyncio.run(send(attempt, rows))
    outcomes = {user: entries[-1]["outcome"] for user, entries in attempt.lines().items()}
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

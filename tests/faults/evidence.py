"""What came of a scenario, counted at the CRM and in the output bucket instead of by the delivery itself."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from local.fake_crm.access.oauth import TOKEN_PREFIX
from tests.faults.scenario import CANARY
from tests.faults.worker import DAY, JobRun, Worker

_USER = re.compile(r"U\d{9}")


@dataclass(frozen=True)
class Evidence:
    """What is in the bucket and at the CRM after an attempt.

    :param folder: the output bucket
    :param stats: counts of the fake CRM
    :param state: score of each user in the CRM
    :param rows: number of users that have a score
    """

    folder: Path
    stats: Mapping[str, Any]
    state: Mapping[str, str]
    run: JobRun
    rows: int

    @classmethod
    def gather(cls, worker: Worker, run: JobRun, rows: int) -> Evidence:
        """Collect the evidence from a worker after a run."""
        return cls(worker.output, worker.crm("GET", "stats"), worker.crm("GET", "state"), run, rows)

    @cached_property
    def manifest(self) -> dict[str, Any] | None:
        """The delivery manifest; None if there is none."""
        path = self.folder / "responses" / f"dt={DAY}" / "_manifest.json"
        return json.loads(path.read_text()) if path.exists() else None

    @cached_property
    def scores(self) -> dict[str, str]:
        """Scores by user, as they should reach the CRM."""
        found = {}
        for path in (self.folder / "scores" / f"dt={DAY}").glob("part-*.csv"):
            with path.open(newline="", encoding="utf-8") as file:
                found.update({row["UserID"]: row["Calculated_Score"] for row in csv.DictReader(file)})
        return found

    def lines(self, job_run_id: str) -> list[dict[str, Any]]:
        """Return the ledger lines of one attempt."""
        paths = sorted(self._attempt(job_run_id).glob("part-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    def aggregates(self, job_run_id: str) -> list[dict[str, Any]]:
        """Return the aggregates of one attempt."""
        return [json.loads(path.read_text()) for path in sorted(self._attempt(job_run_id).glob("agg-*.json"))]

    def _attempt(self, job_run_id: str) -> Path:
        return self.folder / "responses" / f"dt={DAY}" / f"attempt={job_run_id}"

    @property
    def ended(self) -> str:
        """State of the run and, if it failed, the cause."""
        if self.run.state in ("SUCCEEDED", "STOPPED"):
            return self.run.state
        if self.manifest is None or self.manifest["job_run_id"] != self.run.id:
            return f"{self.run.state}: killed"
        stopped = self.manifest["stopped"]
        return f"{self.run.state}: {stopped['cause'] if stopped else 'open rows'}"

    @property
    def outcomes(self) -> dict[str, int]:
        """Users by outcome, without zeros."""
        return {name: count for name, count in (self.manifest or {"outcomes": {}})["outcomes"].items() if count}

    @property
    def peak(self) -> int:
        """Most requests sent within one clock second, over all tasks of the run."""
        seconds: Counter[int] = Counter()
        for each in self.aggregates(self.run.id):
            seconds.update(dict(enumerate(each["seconds"]["posts"], each["seconds"]["first"])))
        return max(seconds.values(), default=0)

    @property
    def longest_silence(self) -> int:
        """Consecutive full seconds in which the CRM received nothing."""
        seconds = sorted(map(int, self.stats["seconds"]))
        return max((later - sooner - 1 for sooner, later in itertools.pairwise(seconds)), default=0)

    @property
    def steady_rate(self) -> float:
        """Requests per second over two seconds, starting one second after the push tasks took over from the canary."""
        counts = {int(second): int(count) for second, count in self.stats["seconds"].items()}
        so_far = dict(
            zip(sorted(counts), itertools.accumulate(counts[second] for second in sorted(counts)), strict=True)
        )
        first = min((second for second, total in so_far.items() if total > CANARY), default=0) + 1
        return sum(counts.get(second, 0) for second in range(first, first + 2)) / 2


@dataclass
class Measured:
    """Figures of a scenario, and the expectations that did not hold."""

    name: str
    ended: str
    outcomes: dict[str, int]
    posts: int
    sent_twice: int
    applied_twice: int
    seconds: float
    silence: int
    resumed: dict[str, int] | None = None
    resumed_posts: int = 0
    broken: list[str] = field(default_factory=list)


def count_retries(evidence: Evidence, *job_run_ids: str) -> int:
    """Count the requests that the attempts counted as retries, and users that a later attempt sent again."""
    counted = sum(int(each["retries"]) for attempt in job_run_ids for each in evidence.aggregates(attempt))
    tried = Counter(line["user_id"] for attempt in job_run_ids for line in evidence.lines(attempt) if line["tries"])
    return counted + sum(times - 1 for times in tried.values())


def count_reasons(evidence: Evidence) -> Counter[str]:
    """Count the users of the run by the reason in their last ledger line."""
    return Counter({line["user_id"]: line["reason"] for line in evidence.lines(evidence.run.id)}.values())


def check_invariants(evidence: Evidence) -> list[str]:
    """Return the inconsistencies of an attempt that wrote its manifest."""
    manifest = evidence.manifest
    if manifest is None:
        return ["no delivery manifest"]
    broken = []
    total = sum(manifest["outcomes"].values())
    if total != evidence.rows:
        broken.append(f"outcomes add up to {total:,}, not {evidence.rows:,}")
    counted: Counter[str] = Counter()
    for each in evidence.aggregates(manifest["job_run_id"]):
        counted.update(each["outcomes"])
    if counted != Counter(evidence.outcomes):
        broken.append(f"the aggregates count {dict(counted)}")
    return broken


def compare_ledger_with_crm(evidence: Evidence, job_run_ids: list[str], some_lost: bool) -> list[str]:
    """Return where the ledger contradicts the CRM: delivered scores have to be there, refused and deferred ones not."""
    last: dict[str, str] = {}
    for attempt in job_run_ids:
        last.update({line["user_id"]: line["outcome"] for line in evidence.lines(attempt)})
    wrong: Counter[str] = Counter()
    for user, score in evidence.scores.items():
        held, outcome = evidence.state.get(user), last.get(user, "deferred")
        if outcome == "delivered" and held != score:
            wrong["delivered, but the CRM has another score or none"] += 1
        elif outcome == "rejected" and held is not None:
            wrong["rejected, but the CRM applied it"] += 1
        elif outcome == "deferred" and held is not None and not (some_lost and user not in last):
            wrong["deferred, but the CRM applied it"] += 1
    return [f"{count:,} rows are {what}" for what, count in wrong.items()]


def check_limits(evidence: Evidence, rate: float, tasks: int) -> list[str]:
    """Return the violated promises to the CRM: rate limit and idempotency."""
    limit = rate + max(tasks, rate / 10)
    broken = []
    if evidence.peak > limit:
        broken.append(f"{evidence.peak:,} requests were sent within one second, expected at most {limit:,.0f}")
    # On a busy machine, requests that were sent over time can arrive together.
    if evidence.stats["peak_in_one_second"] > 1.5 * limit:
        broken.append(f"{evidence.stats['peak_in_one_second']:,} requests arrived within one second")
    if evidence.stats["duplicates"]["applied_per_key"]:
        broken.append(f"{evidence.stats['duplicates']['applied_per_key']:,} keys were applied twice")
    return broken


def find_personal_data(evidence: Evidence, token: str) -> list[str]:
    """Return what logs, manifests and aggregates have to be free of: tokens and user ids."""
    text = evidence.run.logs + "".join(path.read_text() for path in evidence.folder.glob("responses/**/*.json"))
    got = {"the token": token in text or TOKEN_PREFIX in text, "a user id": bool(_USER.search(text))}
    return [f"{what} is in a log or manifest" for what, found in got.items() if found]

"""The summary of one DAG run: what the last task writes, and what the report, the notification and the page show."""

from __future__ import annotations

from typing import Literal

from engagement.contract.arguments import PushMode
from engagement.contract.delivery_manifest import Stopped
from engagement.contract.outcomes import ErrorGroup, Outcomes
from engagement.contract.scores_manifest import Histogram, RowCounts, Sample, WeightsVersion
from engagement.contract.strict_model import Count, Date, StrictModel, Version

Status = Literal["success", "failed"]


class Finding(StrictModel):
    """One thing that is wrong with a run.

    :param code: machine word, such as ``task_failed`` or ``delivery_missing``
    :param task: the task at which it came about
    :param detail: one sentence: what was found, what was expected, where
    :param advice: what to do about it
    """

    code: str
    task: str
    detail: str
    advice: str


class InputRows(RowCounts):
    """What the extract held: as in the scores manifest."""

    reasons: dict[str, Count]
    samples: dict[str, tuple[Sample, ...]]


class Checks(StrictModel):
    """What the check of the scores found, in sentences."""

    warnings: tuple[str, ...]
    passed: tuple[str, ...]


class Latency(StrictModel):
    """Milliseconds, each within 2.5 %; null when nothing was answered.

    :param answered: how many requests were answered
    :param bars: (from, to, answers)
    """

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    max: float | None
    mean: float | None
    answered: Count
    bars: tuple[tuple[float, float, Count], ...]


class Series(StrictModel):
    """Requests over time.

    :param start: epoch second
    :param step: seconds that each number covers
    """

    start: Count
    step: Count
    posts: tuple[Count, ...]


class Throughput(StrictModel):
    """How fast was sent; the pauses between attempts do not count."""

    peak_per_second: Count
    mean_per_second: float
    active_seconds: Count
    series: Series | None


class RecentScores(StrictModel):
    """Scores of the latest earlier dates.

    :param histogram: the mean of the dates, as shares of 1
    :param drift: share of this day's users that would have to be in another bin to match it
    """

    dates: Count
    histogram: tuple[float, ...]
    drift: float


class Scores(StrictModel):
    """How the scores are distributed, and what they were calculated with."""

    histogram: Histogram
    weights: WeightsVersion
    sha256: str
    scored_at: str
    recent: RecentScores | None = None  # older summaries have none


class GlueRun(StrictModel):
    """One attempt at a Glue job.

    :param seconds: execution time, without the wait for workers
    :param dpu_seconds: billed DPU-seconds, None when Glue does not tell enough
    :param cost_usd: estimate; None without DPU-seconds
    :param started_at: ISO 8601, UTC; empty when Glue does not say
    """

    job: str
    id: str
    state: str
    seconds: Count
    dpu_seconds: float | None
    cost_usd: float | None
    error: str
    started_at: str


class AttemptRequests(StrictModel):
    """Requests of one attempt."""

    job_run_id: str
    posts: Count
    retries: Count


class GeneratedFrom(StrictModel):
    """Keys of the manifests that could be trusted, and how many aggregates there were."""

    scores_manifest: str | None
    delivery_manifest: str | None
    aggregates: Count


class Summary(StrictModel):
    """The summary of one DAG run. It has no user ids.

    :param mode_reason: why the mode is not the usual one; empty when it is
    :param findings: what is wrong, the earliest cause first
    :param input: None without a scores manifest
    :param checks: None when the check of the scores did not succeed
    :param rows: scored rows
    :param outcomes: after the last attempt
    :param unaccounted: rows of which no attempt reported an outcome
    :param not_reached: rejected + unknown + deferred
    :param max_failed_fraction: the not_reached / rows above which a run fails
    :param not_before: when the CRM wants to be called again, ISO 8601 UTC
    :param posts: requests of all attempts; so are retries and status_codes
    :param errors: of the last attempt
    :param scores: None without a scores manifest
    :param glue_runs: oldest first
    :param stopped_glue_runs: ids of Glue runs that the summary had to stop
    :param cost_usd: estimate for all Glue runs of this DAG run; None when one of them has none
    :param tasks: states of the earlier tasks
    :param attempts: oldest first
    """

    version: Version = 1
    dag_id: str
    run_id: str
    score_date: Date
    mode: PushMode
    mode_reason: str
    status: Status
    headline: str
    findings: tuple[Finding, ...]
    input: InputRows | None
    checks: Checks | None
    rows: Count
    outcomes: Outcomes
    unaccounted: Count
    not_reached: Count
    max_failed_fraction: float
    stopped: Stopped | None
    not_before: str | None
    posts: Count
    retries: Count
    status_codes: dict[str, Count]
    errors: tuple[ErrorGroup, ...]
    latency_ms: Latency
    throughput: Throughput
    scores: Scores | None
    glue_runs: tuple[GlueRun, ...]
    stopped_glue_runs: tuple[str, ...]
    cost_usd: float | None
    tasks: dict[str, str | None]
    attempts: tuple[AttemptRequests, ...]
    report_key: str
    report_url: str
    generated_from: GeneratedFrom

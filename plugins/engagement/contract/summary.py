"""The summary of one DAG run. The last task writes it; report, notification and dashboard show it."""

from __future__ import annotations

from typing import Literal

from engagement.contract.arguments import PushMode
from engagement.contract.delivery_manifest import Stopped
from engagement.contract.outcomes import ErrorGroup, Outcomes, main_reasons, not_reached_bound
from engagement.contract.scores_manifest import Histogram, RowCounts, Sample, WeightsVersion
from engagement.contract.strict_model import Count, Date, StrictModel, Version

Status = Literal["success", "failed"]


class Finding(StrictModel):
    """One problem of a run.

    :param code: code, such as ``task_failed`` or ``delivery_missing``
    :param task: id of the task that has the problem
    :param detail: one sentence: what was expected, what was got, where
    :param advice: what the operator should do
    """

    code: str
    task: str
    detail: str
    advice: str


class InputRows(RowCounts):
    """Rows of the extract, as in the scores manifest."""

    reasons: dict[str, Count]
    samples: dict[str, tuple[Sample, ...]]


class Checks(StrictModel):
    """Results of the task ``check_scores``, one clause each."""

    warnings: tuple[str, ...]
    passed: tuple[str, ...]


class Latency(StrictModel):
    """Response times in milliseconds, each within 2.5 %. None if no request got a response.

    :param answered: number of requests that got a response
    :param bars: histogram as (from, to, responses)
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
    :param posts: number of requests per step
    """

    start: Count
    step: Count
    posts: tuple[Count, ...]


class Throughput(StrictModel):
    """Requests per second. Pauses between attempts do not count."""

    peak_per_second: Count
    mean_per_second: float
    active_seconds: Count
    series: Series | None


class RecentScores(StrictModel):
    """Scores of the latest earlier dates.

    :param dates: number of dates
    :param histogram: mean over the dates, as fractions of 1
    :param drift: fraction of this date's users that would have to be in another bin to match that mean
    """

    dates: Count
    histogram: tuple[float, ...]
    drift: float


class Scores(StrictModel):
    """Distribution of the scores, and the weights that produced them."""

    histogram: Histogram
    weights: WeightsVersion
    sha256: str
    scored_at: str
    recent: RecentScores | None = None  # absent in older summaries


class GlueRun(StrictModel):
    """One run of a Glue job.

    :param job: name of the job
    :param state: state that Glue reports, such as ``SUCCEEDED``
    :param seconds: execution time, without the wait for workers
    :param dpu_seconds: billed DPU-seconds, None if Glue does not report enough to calculate them
    :param cost_usd: estimate in US dollars, None without DPU-seconds
    :param error: Glue's error message, or empty
    :param started_at: ISO 8601 in UTC, empty if Glue does not report it
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
    """Number of requests of one attempt.

    :param complete: False if the attempt ended before all of its tasks had counted: the numbers are lower limits
    """

    job_run_id: str
    posts: Count
    retries: Count
    complete: bool = True  # absent in older summaries


class GeneratedFrom(StrictModel):
    """Keys of the manifests that the summary is based on, None if unusable, and the number of aggregates.

    :param ledger_lines: number of ledger lines that were counted, because their tasks left no aggregate
    """

    scores_manifest: str | None
    delivery_manifest: str | None
    aggregates: Count
    ledger_lines: Count = 0  # absent in older summaries


class Summary(StrictModel):
    """The summary of one DAG run. It contains no user ids.

    :param mode: push mode
    :param mode_reason: why the mode is not the setting's, empty if it is
    :param headline: one or two sentences
    :param findings: problems of the run, the earliest cause first
    :param input: None without a scores manifest
    :param checks: None if ``check_scores`` did not succeed
    :param rows: number of scored rows
    :param outcomes: number of rows by outcome after the last attempt
    :param counts_complete: False if the last attempt ended before it had counted all users. Then delivered, rejected,
        unknown and deferred are lower limits, and unaccounted and not_reached are upper limits
    :param unaccounted: number of rows for which no attempt reported an outcome
    :param not_reached: rejected + unknown + deferred, and also unaccounted if counts_complete is False
    :param max_failed_fraction: the run fails if not_reached / rows is above this
    :param not_before: end of the pause that the CRM requested, ISO 8601 in UTC
    :param retry_after_ignored: end of a pause that the CRM had requested and the run ignored because of its param
        ignore_retry_after, ISO 8601 in UTC
    :param crm_version: version of the CRM document, None without a delivery manifest, as is crm_sha256
    :param crm_sha256: hash of the CRM document
    :param push_warnings: what a dry run found wrong with the access to the CRM
    :param posts: number of requests over all attempts, as are ``retries`` and ``status_codes``
    :param errors: error groups of the last attempt
    :param scores: None without a scores manifest
    :param glue_runs: oldest first
    :param stopped_glue_runs: ids of Glue runs that were still active and were stopped
    :param cost_usd: estimate in US dollars for all Glue runs, None if one of them has none
    :param tasks: states of the earlier tasks by task id
    :param attempts: oldest first
    :param report_key: S3 key of the HTML report
    :param report_url: link to the report
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
    counts_complete: bool = True  # absent in older summaries
    unaccounted: Count
    not_reached: Count
    max_failed_fraction: float
    stopped: Stopped | None
    not_before: str | None
    retry_after_ignored: str | None = None  # absent in older summaries
    crm_version: str | None = None  # absent in older summaries, as is the next
    crm_sha256: str | None = None
    push_warnings: tuple[str, ...] = ()  # absent in older summaries
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

    @property
    def requests_complete(self) -> bool:
        """Whether all requests are counted. If not, the number of requests is a lower limit."""
        return all(attempt.complete for attempt in self.attempts)

    @property
    def not_reached_bound(self) -> str:
        """The words before the number of users not reached, see `outcomes.not_reached_bound`."""
        return not_reached_bound(self.rows, complete=self.counts_complete)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What does not stop a run, of all tasks."""
        return (*(self.checks.warnings if self.checks else ()), *self.push_warnings)

    @property
    def main_reasons(self) -> str:
        """The most frequent reasons why users were not reached, on one line. It contains codes only."""
        if self.counts_complete:
            return main_reasons(self.errors)
        known = f"{main_reasons(self.errors)}, " if self.errors else ""
        return f"{known}no outcome was recorded (at most {self.unaccounted:,})"

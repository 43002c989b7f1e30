"""What was tried and asked for the paper, what comes of it, and what the summary took."""

from __future__ import annotations

from typing import Literal, TypedDict

Kind = Literal["default", "bound", "slower"]
"""A default that can be raised, a bound that cannot, or where a night is only slower or dearer."""
Passes = Literal["default", "set", "no"]
"""As it is set by default, when it is set otherwise, or not at all."""


class Samples(TypedDict):
    """What the jobs' own code came to over a sample of `rows` rows, on this machine with all its cores.

    Bytes of one of each: a row of the scores and of the snapshot, a line of the ledger, a file in the scores manifest;
    and in the memory of job 2's driver, the name of an object and a second by which a task counts its requests.
    `fixed_seconds` is what job 2 takes for a few rows, Spark's start included, but for sending them. The others are
    rows a second: planned, told the outcome of and taken into the snapshot, and written to `failed.csv`.
    """

    rows: int
    score_row: float
    ledger_line: float
    snapshot_row: float
    manifest_file: float
    listed_object: float
    counted_second: float
    fixed_seconds: float
    planned_rows: float
    told_rows: float
    open_rows: float


class Product(TypedDict):
    """The product's own constants, defaults and bounds (`most_`, `least_`); seconds, minutes and days as named."""

    requests_per_second: float
    most_requests_per_second: float
    push_tasks: int
    most_push_tasks: int
    concurrency: int
    most_concurrency: int
    deadline_seconds: float
    most_deadline_seconds: float
    push_age_days: int
    dpu_hour_usd: float
    dpu_per_worker: float
    least_seconds: float
    score_wait_minutes: float
    push_wait_minutes: float
    most_extract_files: int
    flush_lines: int
    unflushed_lines: int
    flush_seconds: float
    rows_per_partition: int
    extract_on_driver: int
    workers: int
    score_timeout_minutes: float
    push_timeout_minutes: float
    concurrent_runs: int
    responses_days: int


class Case(TypedDict):
    """One night on paper: so many users, at such a limit of the CRM in requests per second.

    Seconds, bytes and US dollars; `seconds` are those of both jobs. The memory is that of the drivers of job 1 and job
    2, as far as it grows with the rows. `ledger_month_usd` is what it costs to keep the ledgers of all the days that
    are kept, `sent_twice` the most that a job which is killed may send again. `passes` tells whether the product lets
    such a night pass.
    """

    users: int
    limit: int
    tasks: int
    workers: int
    score_seconds: float
    push_seconds: float
    seconds: float
    glue_usd: float
    score_bytes: float
    score_files: int
    manifest_bytes: float
    ledger_objects: int
    ledger_bytes: float
    ledger_month_usd: float
    snapshot_bytes: float
    score_driver_bytes: float
    push_driver_bytes: float
    sent_twice: int
    s3_writes: int
    s3_reads: int
    s3_usd: float
    passes: Passes


class Break(TypedDict):
    """Where one element of the design ends: at a threshold of its own, which is so many users at each limit of the CRM;
    None when no number of users is too many. `beyond` tells what happens then.
    """

    element: str
    threshold: str
    kind: Kind
    users: list[int | None]
    beyond: str


class Ceiling(TypedDict):
    """What bounds the rate whatever the number of users: requests per second of one task, and of the job as it is set
    by default and as it can be set at most. None where a task alone has no bound.
    """

    element: str
    task: float | None
    by_default: float
    at_most: float


class Taken(TypedDict):
    """Seconds of the wall clock since the process began, and the peak of its resident memory (`VmHWM`) in bytes."""

    seconds: float
    bytes: int


class Summary(TypedDict):
    """The operator `summarize_responses` over one run: what it found in S3, and what its process took.

    `imports` is what the process had taken when all was imported and nothing read; `whole` has that in it.
    `counted_seconds` are the seconds that all tasks together counted requests by.
    """

    users: int
    limit: int
    tasks: int
    counted_seconds: int
    aggregate_bytes: int
    imports: Taken
    whole: Taken


class Scale(TypedDict):
    """All of it. `measured` has the members of `Measured`; `crm_limits` are in requests per second, in the order of
    `Break.users`.
    """

    measured: dict[str, float]
    samples: Samples
    product: Product
    crm_limits: list[int]
    cases: list[Case]
    breaks: list[Break]
    ceilings: list[Ceiling]
    summary: Summary


# Wanted of the summary, in all.
MOST_SECONDS, MOST_BYTES = 10.0, 300e6

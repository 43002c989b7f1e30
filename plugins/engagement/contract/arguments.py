"""What the Airflow side passes to the Glue jobs, by name.

The jobs declare the same names on their side; ``tests/contract`` compares the two. Every value is a string
and none is empty: ``limit`` is ``none`` or a count, ``resend_delivered`` and ``allow_http`` are ``true`` or ``false``.
"""

from typing import Literal, get_args

SCORE_ARGUMENTS = (
    "score_date",
    "scored_at",
    "run_id",
    "input_uri",
    "input_etags",
    "output_bucket",
    "weights_uri",
    "max_invalid_fraction",
)
"""Arguments of the job that scores users."""

PUSH_ARGUMENTS = (
    "score_date",
    "run_id",
    "output_bucket",
    "base_url",
    "secret_id",
    "push_mode",
    "resend_delivered",
    "limit",
    "max_requests_per_second",
    "push_tasks",
    "max_concurrency",
    "max_attempts",
    "request_timeout_seconds",
    "deadline_seconds",
    "unavailable_timeout_seconds",
    "max_failed_fraction",
    "allow_http",
)
"""Arguments of the job that delivers the scores to the CRM."""

PushMode = Literal["all", "changed", "retry_rejected", "dry_run"]
DRY_RUN: PushMode = "dry_run"
PUSH_MODES: tuple[PushMode, ...] = get_args(PushMode)
"""What a run sends: open rows, changed scores only, also rows refused by an earlier run, nothing."""

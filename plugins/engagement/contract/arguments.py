"""Names of the arguments that the DAG passes to the Glue jobs, and the push modes.

The Glue side declares the same names, and ``tests/contract`` compares them. Every value is a non-empty string:
``limit`` is ``none`` or a number; ``proxy_url``, ``no_proxy`` and ``ca_uri`` can be ``none``; ``resend_delivered``,
``ignore_retry_after`` and ``allow_http`` are ``true`` or ``false``.
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
    "stall_timeout_seconds",
)
"""Arguments of the scoring job."""

PUSH_ARGUMENTS = (
    "score_date",
    "run_id",
    "output_bucket",
    "base_url",
    "crm_uri",
    "proxy_url",
    "no_proxy",
    "ca_uri",
    "secret_id",
    "push_mode",
    "resend_delivered",
    "ignore_retry_after",
    "limit",
    "max_requests_per_second",
    "push_tasks",
    "max_concurrency",
    "max_attempts",
    "request_timeout_seconds",
    "deadline_seconds",
    "unavailable_timeout_seconds",
    "max_retry_after_seconds",
    "max_failed_fraction",
    "allow_http",
)
"""Arguments of the push job."""

PushMode = Literal["all", "changed", "retry_rejected", "dry_run"]
"""Which users a run sends: open ones, open ones with a new score, open and rejected ones, none."""
DRY_RUN: PushMode = "dry_run"
PUSH_MODES: tuple[PushMode, ...] = get_args(PushMode)

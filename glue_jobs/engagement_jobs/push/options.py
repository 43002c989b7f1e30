"""The job's arguments, converted to what each part of the push job needs."""

from __future__ import annotations

from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.crm_client.endpoint import normalize_endpoint
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.push.attempts import Attempt
from engagement_jobs.push.delivery_manifest import utc
from engagement_jobs.push.selection import Selection
from engagement_jobs.push.task import TaskSetup


def selection(arguments: PushArguments) -> Selection:
    """Return which users the run sends."""
    return Selection(
        arguments.score_date,
        arguments.run_id,
        arguments.push_mode,
        arguments.resend_delivered,
        arguments.limit,
    )


def this_attempt(arguments: PushArguments, started: float) -> Attempt:
    """Return the attempt that this job run is.

    :param started: epoch seconds
    """
    if selection(arguments).dry_run:
        folder = s3_keys.dry_run_prefix(arguments.run_id)
    else:
        folder = s3_keys.attempt_prefix(arguments.score_date, arguments.job_run_id)
    return Attempt(folder, arguments.run_id, arguments.job_run_id, utc(started))


def manifest_key(arguments: PushArguments) -> str:
    """Return the S3 key of the delivery manifest; a dry run has its own."""
    if selection(arguments).dry_run:
        return s3_keys.dry_run_prefix(arguments.run_id) + s3_keys.MANIFEST
    return s3_keys.responses_prefix(arguments.score_date) + s3_keys.MANIFEST


def task_setup(arguments: PushArguments, attempt: Attempt, started: float, rows: int) -> TaskSetup:
    """The setup of the canary, with the rate and the rows of the full job; `dispatch.divide_limits` derives a task's.

    :param started: epoch seconds; the deadline counts from here
    :param rows: number of rows to send
    """
    settings = DeliverySettings(
        endpoint=normalize_endpoint(arguments.endpoint),
        score_date=arguments.score_date,
        run_id=arguments.run_id,
        rate=arguments.max_requests_per_second,
        # At least one request per task, because a task whose burst is below one could never send.
        burst=max(arguments.push_tasks, arguments.max_requests_per_second / 10),
        max_concurrency=arguments.max_concurrency,
        max_attempts=arguments.max_attempts,
        deadline=started + arguments.deadline_seconds,
        unavailable_timeout=arguments.unavailable_timeout_seconds,
        max_retry_after=arguments.max_retry_after_seconds,
    )
    return TaskSetup(
        settings=settings,
        bucket=arguments.output_bucket,
        attempt=attempt,
        secret_id=arguments.secret_id,
        request_timeout_seconds=arguments.request_timeout_seconds,
        rows=rows,
        ignore_retry_after=arguments.ignore_retry_after,
    )

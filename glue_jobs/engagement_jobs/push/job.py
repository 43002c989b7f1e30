"""The push job: send a date's scores to the CRM, write a ledger line per user and a manifest.

The job deletes the delivery manifest before it changes anything else and writes it last. It counts outcomes from the
ledger as it was written. They add up to the rows of the scores; a row to be sent that has no ledger line is open.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from pyspark.sql import SparkSession

from engagement_jobs.common import spark_session
from engagement_jobs.common.aws import Store, read_secret
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.errors import (
    CrmUnreachableError,
    JobError,
    LedgerError,
    ScoresError,
    SecretError,
    TokenError,
    TokenUnavailableError,
    TooFewSlotsError,
)
from engagement_jobs.contract.outcomes import NOT_REACHED
from engagement_jobs.crm_client.document.request_template import RequestTemplate
from engagement_jobs.crm_client.preflight import check_access
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.delivery.counters import DeliveryCounters
from engagement_jobs.delivery.stop_reasons import secret_unreadable, token_refused, token_unavailable
from engagement_jobs.push import options
from engagement_jobs.push.attempts import PLAN, REST, Attempt, compare_attempts, find_attempts
from engagement_jobs.push.delivery_history import Snapshot, attempt_folders, read_ledger
from engagement_jobs.push.delivery_manifest import delivery_manifest
from engagement_jobs.push.dispatch import DispatchResult, check_feasible, send, wait_for_retry_after
from engagement_jobs.push.failed_csv import failed_csv_key, write_failed_csv
from engagement_jobs.push.failure_check import FailureCheck
from engagement_jobs.push.final_outcomes import count_outcomes, count_rest, final_outcomes
from engagement_jobs.push.killed_tasks import count_killed_tasks, write_missing_aggregates
from engagement_jobs.push.retry_after_store import read_retry_after
from engagement_jobs.push.scores_reader import ScoresManifest, read_manifest, read_scores
from engagement_jobs.push.selection import Selection
from engagement_jobs.push.send_plan import Plan, make_plan
from engagement_jobs.push.task import TaskSetup

log = logging.getLogger("engagement.push")


def run(arguments: PushArguments, *, in_workflow: bool) -> dict[str, Any]:
    """Push one date and return the delivery manifest.

    :param in_workflow: whether a Glue workflow started the job, see `FailureCheck`
    :raises ScoresError: the scores are missing, belong to another run, or differ from their manifest; nothing was sent
    :raises CrmDocumentError: the CRM document does not exist or is invalid; nothing was sent or deleted
    :raises SecretError: the CRM secret cannot be used; nothing was sent or deleted
    :raises TokenError: the token endpoint gives no token, like TokenUnavailableError; nothing was sent or deleted
    :raises CrmUnreachableError: there is no connection to the CRM; nothing was sent or deleted
    :raises TooFewSlotsError: the cluster cannot run all push tasks at the same time; nothing was sent
    :raises LedgerError: outcomes and rows do not add up; no manifest was written
    :raises DeliveryFailedError: the delivery is incomplete; ledger and manifest were written
    """
    started = time.time()
    store = Store(arguments.output_bucket)
    # First, because a run that is refused here must leave the delivery manifest to the run that wrote it.
    scores = read_manifest(store, arguments.score_date, arguments.run_id)
    template = options.request_template(arguments, scores)
    selection = options.selection(arguments)
    network = options.network(arguments)
    warnings = _check_access(arguments, template.endpoint, network, dry_run=selection.dry_run)
    pause = read_retry_after(store, arguments, in_workflow=in_workflow)
    store.delete(options.manifest_key(arguments))
    spark = _start_spark(scores.rows, arguments.push_tasks)
    attempt = options.this_attempt(arguments, started)
    snapshot = Snapshot(spark, store)
    plan = _plan(spark, store, scores, snapshot, attempt, selection, template)
    if selection.dry_run:
        result, outcomes = DispatchResult(DeliveryCounters(), None, complete=True), plan.counters.outcomes
    else:
        setup = options.task_setup(arguments, template, network, attempt, started, plan.to_send)
        result, outcomes = _deliver(store, plan, setup, arguments.push_tasks, pause.not_before)
    if plan.to_send:
        snapshot.write(arguments.job_run_id, attempt.folder)
    _check_outcome_total(outcomes, scores.rows, arguments.job_run_id)
    manifest = delivery_manifest(
        selection,
        job_run_id=arguments.job_run_id,
        scores_sha256=scores.sha256,
        crm=template.document,
        outcomes=outcomes,
        counters=_total(plan.counters, result.counters),
        stop_reason=result.stop_reason,
        retry_after_ignored=pause.ignored,
        warnings=warnings,
        attempts=_attempt_ids(store, arguments),
    )
    _write_manifest(store, options.manifest_key(arguments), manifest)
    if not selection.dry_run:
        check = FailureCheck(arguments.max_failed_fraction, in_workflow)
        check.raise_if_failed(manifest, result.stop_reason, store.uri(failed_csv_key(arguments.score_date)))
    return manifest


def _check_access(arguments: PushArguments, endpoint: str, network: Network, *, dry_run: bool) -> list[str]:
    """Check everything that the first request needs: secret, token, proxy, TLS handshake. Nothing is sent to the CRM.

    :return: what a dry run found wrong
    """

    async def secret() -> str:
        try:
            return await asyncio.to_thread(read_secret, arguments.secret_id)
        except Exception as error:  # noqa: BLE001 - any error of the AWS client, whose text is not shown
            raise error if isinstance(error, SecretError) else SecretError(type(error).__name__) from None

    started, patience = time.monotonic(), min(arguments.unavailable_timeout_seconds, arguments.deadline_seconds)
    timeout = arguments.request_timeout_seconds
    try:
        asyncio.run(check_access(endpoint, secret, network, timeout, patience_seconds=0 if dry_run else patience))
    except (SecretError, TokenError, TokenUnavailableError, CrmUnreachableError) as error:
        failure = _without_access(error, time.monotonic() - started)
    else:
        return []
    if not dry_run:
        raise failure
    warning = str(failure).removeprefix("the job sent and deleted nothing. ")
    log.warning("%s", warning)
    return [warning]


def _without_access(error: Exception, seconds: float) -> JobError:
    """Return the error that ends the job."""
    if isinstance(error, TokenError):
        return TokenError(f"the job sent and deleted nothing. {token_refused(error).detail}")
    if isinstance(error, TokenUnavailableError):
        return TokenUnavailableError(f"the job sent and deleted nothing. {token_unavailable(error, seconds).detail}")
    if isinstance(error, CrmUnreachableError):
        return CrmUnreachableError(
            f"the job sent and deleted nothing. Could not connect to the CRM: {error}, then clear push_scores."
        )
    return SecretError(f"the job sent and deleted nothing. {secret_unreadable(error).detail}")


def _attempt_ids(store: Store, arguments: PushArguments) -> list[str]:
    """Return the Glue run ids of the run's attempts, oldest first; a dry run is not an attempt."""
    if options.selection(arguments).dry_run:
        return [arguments.job_run_id]
    return [each.job_run_id for each in find_attempts(store, arguments.score_date, arguments.run_id)]


def _start_spark(rows: int, push_tasks: int) -> SparkSession:
    spark = spark_session.start("push_scores")
    slots = spark_session.task_slots(spark)
    if push_tasks > slots:
        raise TooFewSlotsError(
            f"push_tasks is {push_tasks}, but this cluster runs {slots} tasks at a time. The others would wait, and "
            "their share of the rate would be lost. Lower push_tasks or add workers."
        )
    spark_session.set_shuffle_partitions(spark, rows)
    return spark


def _plan(
    spark: SparkSession,
    store: Store,
    scores: ScoresManifest,
    snapshot: Snapshot,
    attempt: Attempt,
    selection: Selection,
    template: RequestTemplate,
) -> Plan:
    """Decide which rows to send, and write the aggregate of the rows that need no request."""
    if not selection.dry_run:
        write_missing_aggregates(spark, store, find_attempts(store, selection.score_date, selection.run_id))
    ledger = read_ledger(spark, store, attempt_folders(store, selection.score_date))
    earlier = compare_attempts(store, selection.score_date, template)
    rows = read_scores(spark, store, scores)
    plan = make_plan(rows, ledger, snapshot.current(), selection, earlier, user_in_path=template.user_in_path)
    if plan.rows != scores.rows:
        raise ScoresError(
            f"the scores of {scores.score_date} have {plan.rows:,} rows, expected {scores.rows:,} rows as listed in "
            "their manifest. Clear score_users."
        )
    if plan.repeated:
        raise ScoresError(
            f"the scores of {scores.score_date} have several rows for the same user id ({plan.repeated:,} ids), "
            "expected one row for each id. Nothing was sent. Clear score_users."
        )
    if not selection.dry_run:
        attempt.write_endpoint(store, template)
    attempt.write_aggregate(store, PLAN, plan.counters)
    log.info("%d rows: %s, %d to send", plan.rows, dict(plan.counters.outcomes), plan.to_send)
    return plan


def _deliver(
    store: Store, plan: Plan, setup: TaskSetup, push_tasks: int, not_before: float | None
) -> tuple[DispatchResult, Counter[str]]:
    """Send the rows of the plan and write `failed.csv`.

    :return: what was sent, and the number of rows by final outcome
    """
    spark, folder = plan.decided.sparkSession, setup.attempt.folder
    result = _dispatch(plan, setup, push_tasks, not_before)
    final = final_outcomes(plan.decided, read_ledger(spark, store, [folder]), result).persist()
    outcomes = count_outcomes(final)
    if not result.complete:
        rest = count_rest(outcomes, plan.counters, result, count_killed_tasks(spark, store, folder))
        setup.attempt.write_aggregate(store, REST, rest)
        result.counters.add(rest)
    failed = sum(outcomes[outcome] for outcome in NOT_REACHED)
    write_failed_csv(store, setup.settings.template.score_date, final, failed)
    return result, outcomes


def _dispatch(plan: Plan, setup: TaskSetup, push_tasks: int, not_before: float | None) -> DispatchResult:
    if not plan.to_send:
        return DispatchResult(DeliveryCounters(), None, complete=True)
    seconds_left = setup.settings.deadline - time.time()
    stop_reason = check_feasible(plan.to_send, setup.settings.rate, seconds_left, not_before)
    if stop_reason is None:
        stop_reason = wait_for_retry_after(not_before, seconds_left)
    if stop_reason is not None:
        return DispatchResult(DeliveryCounters(), stop_reason, complete=False)
    return send(plan, setup, push_tasks)


def _check_outcome_total(outcomes: Counter[str], rows: int, job_run_id: str) -> None:
    if outcomes.total() != rows:
        raise LedgerError(
            f"outcomes add up to {outcomes.total():,} rows, but the scores have {rows:,} rows: the ledger of "
            f"{job_run_id} has a row twice or not at all. No manifest was written. Clear push_scores."
        )


def _write_manifest(store: Store, key: str, manifest: dict[str, Any]) -> None:
    store.write_json(key, manifest)
    log.info("wrote %s: %s", store.uri(key), manifest["outcomes"])


def _total(*parts: DeliveryCounters) -> DeliveryCounters:
    total = DeliveryCounters()
    for part in parts:
        total.add(part)
    return total

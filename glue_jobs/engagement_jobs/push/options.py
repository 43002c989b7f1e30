"""The job's arguments, converted to what each part of the push job needs."""

from __future__ import annotations

from engagement_jobs.common.aws import Store, split_uri
from engagement_jobs.contract import s3_keys
from engagement_jobs.contract.arguments import PushArguments
from engagement_jobs.contract.errors import ArgumentError, CrmDocumentError
from engagement_jobs.contract.network import tls_context
from engagement_jobs.crm_client.document.crm_document import CrmDocument
from engagement_jobs.crm_client.document.request_template import RequestTemplate, RunFields
from engagement_jobs.crm_client.transport.network import Network
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.push.attempts import Attempt
from engagement_jobs.push.delivery_manifest import utc
from engagement_jobs.push.scores_reader import ScoresManifest
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


def _read_document(uri: str) -> CrmDocument:
    if uri == "default":
        return CrmDocument.default()
    bucket, key = split_uri(uri)
    try:
        document = Store(bucket).read(key)
    except Exception as error:  # any error of the AWS client
        raise CrmDocumentError(
            f"crm_uri: {uri} could not be read: {str(error).rstrip('.')}. Check the name of the bucket, and that the "
            "push job may read the object; the pipeline stack lets it read crm/ in the artifacts bucket."
        ) from error
    if document is None:
        raise CrmDocumentError(f"crm_uri: {uri} does not exist. Upload the document, or set crm_uri to default.")
    return CrmDocument.parse(document)


def request_template(arguments: PushArguments, scores: ScoresManifest) -> RequestTemplate:
    """Return how the run sends the score of a user.

    :raises CrmDocumentError: the CRM document does not exist or is invalid
    """
    fields = RunFields(arguments.score_date, scores.scored_at, scores.weights_version)
    return RequestTemplate.compile(_read_document(arguments.crm_uri), arguments.base_url, fields)


def network(arguments: PushArguments) -> Network:
    """Return the way to the CRM.

    :raises ArgumentError: `ca_uri` names no file of certificates
    """
    ca_pem = _read_certificates(arguments.ca_uri) if arguments.ca_uri else None
    return Network(arguments.proxy_url, arguments.no_proxy, ca_pem, arguments.allow_http)


def _read_certificates(uri: str) -> str:
    bucket, key = split_uri(uri)
    content = Store(bucket).read(key)
    if content is None:
        raise ArgumentError(f"ca_uri: {uri} does not exist. Upload the certificates, or set ca_uri to none.")
    text = content.decode("utf-8", "replace")
    try:
        tls_context(text)
    except ValueError as error:
        raise ArgumentError(f"ca_uri: {uri}: {error}") from error
    return text


def task_setup(
    arguments: PushArguments, template: RequestTemplate, way: Network, attempt: Attempt, started: float, rows: int
) -> TaskSetup:
    """The setup of the canary, with the rate and the rows of the full job; `dispatch.divide_limits` derives a task's.

    :param started: epoch seconds; the deadline counts from here
    :param rows: number of rows to send
    """
    settings = DeliverySettings(
        template=template,
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
        network=way,
        bucket=arguments.output_bucket,
        attempt=attempt,
        secret_id=arguments.secret_id,
        request_timeout_seconds=arguments.request_timeout_seconds,
        rows=rows,
        ignore_retry_after=arguments.ignore_retry_after,
    )

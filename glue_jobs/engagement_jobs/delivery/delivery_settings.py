"""The settings of one delivery."""

from __future__ import annotations

from dataclasses import dataclass

from engagement_jobs.crm_client.document.request_template import RequestTemplate


@dataclass(frozen=True)
class DeliverySettings:
    """How one task delivers.

    :param template: how the score of a user is sent
    :param rate: requests per second of this task, retries included
    :param burst: requests that may be sent at once after a quiet time
    :param max_concurrency: requests in flight
    :param max_attempts: attempts per user, see `InFlightRequest.attempts`
    :param deadline: epoch seconds after which nothing is sent
    :param unavailable_timeout: seconds without a healthy response after which the task stops
    :param max_retry_after: longest pause in seconds that the CRM can request
    :param not_before: epoch seconds before which the CRM accepts no requests, as it requested from the canary
    :param tasks: number of push tasks that send at the same time and share the CRM's announced quota
    """

    template: RequestTemplate
    run_id: str
    rate: float
    burst: float
    max_concurrency: int
    max_attempts: int
    deadline: float
    unavailable_timeout: float
    max_retry_after: float = 86_400.0
    not_before: float = 0.0
    tasks: int = 1

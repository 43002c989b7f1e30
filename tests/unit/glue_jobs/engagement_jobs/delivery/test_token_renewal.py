"""The renewal of a token next to the senders."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from engagement_jobs.contract.errors import SecretError, TokenError
from engagement_jobs.crm_client.authentication.authenticator import Renewal
from engagement_jobs.delivery.stop_reasons import StopReason, deadline
from engagement_jobs.delivery.token_refresh import TokenRefresher
from tests.support.delivery_harness import delivery_settings


class ClientWithoutToken:
    """A client whose token has expired, and whose requests for another one fail."""

    token_version = 0

    def __init__(self, error: Exception) -> None:
        self.error, self.requests = error, 0
        self.renewal = Renewal(time.monotonic() - 2, time.monotonic() - 1)

    async def refresh_token(self, *, read_secret: bool = True) -> bool:
        del read_secret
        self.requests += 1
        raise self.error


class Stop:
    """The conditions of which the renewal needs the reason."""

    def __init__(self, reason: StopReason | None = None) -> None:
        self.reason = reason

    def trigger(self, reason: StopReason) -> None:
        self.reason = reason


async def renew(client: Any, stop: Any) -> None:
    async with asyncio.timeout(5):
        await TokenRefresher(client, delivery_settings(), stop).run()


@pytest.mark.parametrize("error", [TokenError("no"), SecretError("no"), OSError()])
def test_renewal_ends_when_there_is_no_further_token(error: Exception) -> None:
    client, stop = ClientWithoutToken(error), Stop()
    asyncio.run(renew(client, stop))
    assert stop.reason is not None
    assert client.requests == 1


def test_renewal_ends_when_the_task_has_stopped() -> None:
    client = ClientWithoutToken(TokenError("no"))
    asyncio.run(renew(client, Stop(deadline())))
    assert client.requests == 0

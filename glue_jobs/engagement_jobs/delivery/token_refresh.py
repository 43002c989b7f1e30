"""The CRM token of one task: the first one, its renewal before it expires, and another one when the CRM refuses it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from engagement_jobs.contract.errors import SecretError, TokenError, TokenUnavailableError
from engagement_jobs.crm_client.authentication.token_endpoint import MAX_GARBAGE
from engagement_jobs.crm_client.http_client import CrmClient, CrmHttpClient
from engagement_jobs.delivery.delivery_settings import DeliverySettings
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.stop_reasons import StopReason, secret_unreadable, token_refused, token_unavailable

# The secret is read again, and a token fetched after a refusal, at most once within this time: the CRM may refuse every
# user, and Secrets Manager and the token endpoint would be called once for each.
_REFRESH_SECONDS = 10.0
_BACKOFF_SECONDS, _MAX_BACKOFF_SECONDS = 1.0, 30.0
# Tasks that start together, or whose tokens are refused together, fetch within this time per task.
_SPREAD_SECONDS, _MAX_SPREAD_SECONDS = 0.1, 2.0
_POLL_SECONDS = 1.0

log = logging.getLogger("engagement.delivery")


async def first_token(client: CrmHttpClient, settings: DeliverySettings) -> StopReason | None:
    """Read the secret and obtain the first token.

    :return: why there is none, None if there is one
    """
    await _spread(settings.tasks)
    return await _repeat(client.read_token, settings)


class TokenRefresher:
    """Keeps the token valid. While there is none, nothing is sent."""

    def __init__(self, client: CrmClient, settings: DeliverySettings, stop_conditions: StopConditions) -> None:
        self._client, self._settings, self._stop_conditions = client, settings, stop_conditions
        self._lock = asyncio.Lock()
        self._read_at = self._readable_at = self._confirmed_at = float("-inf")

    @property
    def in_progress(self) -> bool:
        """Whether there is no token that could be sent."""
        return self._lock.locked()

    async def wait(self) -> None:
        """Wait until no refresh is in progress."""
        if self._lock.locked():
            async with self._lock:
                pass

    async def refresh(self, refused_version: int, refused_at: float, *, before_stop: bool = False) -> bool:
        """Read the secret again and fetch a token if it is for OAuth, unless another request has caused that already.

        :param refused_version: version of the token that the CRM refused
        :param refused_at: when it refused, in seconds of the event loop's clock
        :param before_stop: the task stops unless the token has changed; so wait until the secret may be read again
        :return: whether there is a newer token
        """
        async with self._lock:
            if self._stop_conditions.reason is not None:
                return False
            if refused_version < self._client.token_version:
                return True
            if (self._confirmed_at if before_stop else self._read_at) > refused_at:
                return False  # another request has caused it
            if rest := self._seconds_until_read():
                if not before_stop:
                    return False
                await asyncio.sleep(min(rest, max(self._settings.deadline - time.time(), 0.0)))
            await _spread(self._settings.tasks)
            if before_stop:
                self._confirmed_at = time.monotonic()
            await self._obtain()
            return refused_version < self._client.token_version

    async def run(self) -> None:
        """Renew each token before it expires, while it is still used. Ends when the task stops."""
        due, is_refused = 0.0, False
        while self._stop_conditions.reason is None:
            await asyncio.sleep(self._seconds_until(due))
            now, renewal = time.monotonic(), self._client.renewal
            if renewal is None or now < max(due, renewal.due):
                continue
            if now >= renewal.expires_at:
                async with self._lock:
                    if self._client.renewal is renewal and self._stop_conditions.reason is None:
                        await self._obtain()
                due, is_refused = 0.0, False
                continue
            try:
                await self._fetch(read_secret=is_refused and not self._seconds_until_read())
            except Exception as error:  # noqa: BLE001 - nothing is lost as long as the token is valid
                due, is_refused = min(now + _pause(error), renewal.expires_at), isinstance(error, TokenError)
                left = renewal.expires_at - time.monotonic()
                log.warning("Could not renew the token: %s; it is valid for another %.0f s", _describe(error), left)
            else:
                due, is_refused = 0.0, False

    def _seconds_until(self, due: float) -> float:
        renewal = self._client.renewal
        if renewal is None:
            return _POLL_SECONDS
        return min(max(due, renewal.due, time.monotonic()) - time.monotonic(), _POLL_SECONDS)

    def _seconds_until_read(self) -> float:
        return max(self._readable_at - time.monotonic(), 0.0)

    async def _obtain(self) -> None:
        """Obtain a token, however long it takes, or stop the task."""
        reason = await _repeat(self._fetch_or_read, self._settings)
        if reason is not None:
            self._stop_conditions.trigger(reason)

    async def _fetch_or_read(self) -> None:
        """Fetch a token. If the endpoint refuses the client, the secret may have changed since it was read."""
        read_secret = not self._seconds_until_read()
        try:
            await self._fetch(read_secret=read_secret)
        except TokenError as error:
            if read_secret or error.is_garbage:
                raise
            await asyncio.sleep(self._seconds_until_read())
            await self._fetch(read_secret=True)

    async def _fetch(self, *, read_secret: bool) -> None:
        if read_secret:
            self._read_at = time.monotonic()
        try:
            await self._client.refresh_token(read_secret=read_secret)
        finally:
            if read_secret:
                self._readable_at = time.monotonic() + _REFRESH_SECONDS


async def _repeat(fetch: Callable[[], Awaitable[Any]], settings: DeliverySettings) -> StopReason | None:
    """Call `fetch` until it succeeds, it fails for good, or `unavailable_timeout` has passed.

    :return: why it failed
    """
    started, garbage = time.monotonic(), 0
    give_up_at = started + min(settings.unavailable_timeout, settings.deadline - time.time())
    tries = 0
    while True:
        tries += 1
        try:
            await fetch()
        except TokenUnavailableError as error:
            failure: TokenError | TokenUnavailableError = error
            reason = token_unavailable(error, time.monotonic() - started)
        except TokenError as error:
            failure, reason, garbage = error, token_refused(error), garbage + 1
            if not error.is_garbage or garbage >= MAX_GARBAGE:
                return reason
        except Exception as error:  # noqa: BLE001 - any error of the AWS client or the secret's form
            return secret_unreadable(error)
        else:
            if tries > 1:
                log.info("Obtained a CRM token after %d tries in %.0f s", tries, time.monotonic() - started)
            return None
        left = give_up_at - time.monotonic()
        if left <= 0 or left < (getattr(failure, "wait", None) or 0):
            return reason
        pause = min(_pause(failure, tries), left)
        log.warning("No CRM token: %s; trying again in %.1f s", failure, pause)
        await asyncio.sleep(pause)


def _pause(error: Exception, tries: int = 1) -> float:
    """Return how long to wait before the next request to the token endpoint, at least as long as it requests."""
    backoff = min(_BACKOFF_SECONDS * 2 ** (tries - 1), _MAX_BACKOFF_SECONDS)
    requested = error.wait if isinstance(error, TokenUnavailableError) and error.wait is not None else 0.0
    return requested + random.uniform(backoff / 2, backoff)  # noqa: S311 - not for cryptography


def _describe(error: Exception) -> str:
    """Return the text of an error if it is certain to contain no part of a secret, else its class."""
    is_safe = isinstance(error, TokenError | TokenUnavailableError | SecretError)
    return str(error) if is_safe else type(error).__name__


async def _spread(tasks: int) -> None:
    """Wait for a random time, so that tasks do not call the token endpoint at the same time."""
    if tasks > 1:
        seconds = min(_SPREAD_SECONDS * tasks, _MAX_SPREAD_SECONDS)
        await asyncio.sleep(random.uniform(0, seconds))  # noqa: S311 - not for cryptography

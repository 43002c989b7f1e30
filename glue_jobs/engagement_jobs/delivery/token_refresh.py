"""Refresh of a refused CRM token: once for all requests that were sent with it."""

from __future__ import annotations

import asyncio
import time

from engagement_jobs.crm_client.http_client import CrmClient
from engagement_jobs.delivery.stop_conditions import StopConditions
from engagement_jobs.delivery.stop_reasons import secret_unreadable

# The secret is not read again within this time after a reading without a change, because every user may be refused.
_UNCHANGED_SECONDS = 10.0


class TokenRefresher:
    """Reads the secret again. Nothing is sent in the meantime."""

    def __init__(self, client: CrmClient, stop_conditions: StopConditions) -> None:
        self._client, self._stop_conditions = client, stop_conditions
        self._lock = asyncio.Lock()
        self._unchanged_at = self._confirmed_at = float("-inf")

    @property
    def in_progress(self) -> bool:
        """Whether the secret is being read."""
        return self._lock.locked()

    async def wait(self) -> None:
        """Wait until no refresh is in progress."""
        if self._lock.locked():
            async with self._lock:
                pass

    async def refresh(self, refused_version: int, *, before_stop: bool = False) -> bool:
        """Read the secret again, unless another request has caused that already.

        :param refused_version: version of the token that the CRM refused
        :param before_stop: the task stops unless the token has changed; so read it even if that was done recently,
            because it may have been replaced since
        :return: whether there is a newer token
        """
        async with self._lock:
            if self._stop_conditions.reason is not None:
                return False
            if refused_version < self._client.token_version:
                return True
            now = time.monotonic()
            if now - (self._confirmed_at if before_stop else self._unchanged_at) < _UNCHANGED_SECONDS:
                return False
            if before_stop:
                self._confirmed_at = now
            try:
                has_changed = await self._client.refresh_token()
            except Exception as error:  # noqa: BLE001 - from the AWS client, or an invalid secret
                self._stop_conditions.trigger(secret_unreadable(error))
                return False
            if not has_changed:
                self._unchanged_at = time.monotonic()
            return has_changed

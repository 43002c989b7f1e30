"""A token that is replaced soon after the secret was read again without a change. Counted at the CRM."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from engagement_jobs.crm_client.document.request_template import CrmRequest
from engagement_jobs.crm_client.http_client import CrmResponse
from engagement_jobs.delivery.dispatcher import Dispatcher
from tests.support.delivery_checks import stop_of
from tests.support.delivery_harness import score_updates
from tests.support.scripted_crm import ScriptedCrm


class RotatingCrm(ScriptedCrm):
    """Refuses some users whatever their token is, and from a request on everyone who has the first token.

    :param lone: users whom it always refuses
    :param rotation: number of the first request that needs the second token
    :param is_published: whether the secret has the second token from then on
    """

    def __init__(self, lone: set[str], rotation: int, *, is_published: bool = True) -> None:
        super().__init__(lambda _: 204)
        self._lone, self._rotation, self._is_published = lone, rotation, is_published
        self.delivered = Counter[str]()
        self.reads = 0

    async def send(self, request: CrmRequest, *, fresh_connection: bool = False) -> CrmResponse:
        del fresh_connection
        user, version = json.loads(request.payload)["user_id"], self.token_version
        self.requests[user] += 1
        is_refused = user in self._lone or (version == 0 and self.requests.total() >= self._rotation)
        await asyncio.sleep(0.001)
        self.delivered[user] += not is_refused
        return CrmResponse(401 if is_refused else 204, {}, b"", version)

    async def refresh_token(self, *, read_secret: bool = True) -> bool:
        self.reads += read_secret
        if self.token_version or not self._is_published or self.requests.total() < self._rotation:
            return False
        self.token_version = 1
        return True


def deliver(crm: RotatingCrm, concurrency: int) -> Dispatcher:
    return crm.deliver(score_updates(400), max_concurrency=concurrency)


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("lone", [{"U000000"}, {"U000090"}, {"U000005", "U000050", "U000095"}])
def test_rotation_after_lone_refusals_stops_nothing(lone: set[str], concurrency: int) -> None:
    crm = RotatingCrm(lone, rotation=200)
    dispatcher = deliver(crm, concurrency)

    assert dict(dispatcher.counters.outcomes) == {"delivered": 400 - len(lone), "deferred": len(lone)}
    assert set(crm.delivered.values()) <= {0, 1}
    assert crm.delivered.total() == 400 - len(lone)
    assert crm.reads == 2
    assert dispatcher.stop_reason is None


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("lone", [set(), {"U000000"}, {"U000005", "U000050", "U000095"}])
def test_revocation_without_a_new_token_stops(lone: set[str], concurrency: int) -> None:
    crm = RotatingCrm(lone, rotation=200, is_published=False)
    dispatcher = deliver(crm, concurrency)

    assert stop_of(dispatcher).cause == "token_refused"
    assert crm.requests.total() <= 200 + concurrency + 3 + len(lone)
    assert crm.reads == 2
    assert max(crm.requests.values()) == 1
    assert dispatcher.counters.rows == 400

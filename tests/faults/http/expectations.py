"""Scenarios of the delivery core in few words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.faults.scenario import ROWS, Expected, Range, Scenario, exactly

USERS = ROWS["core"]
ALL = exactly(USERS)
EVERY_USER = {"delivered": ALL}
# Users that `every_user=100` and `every_user=200` pick among them; one of the first is in the canary.
ONE_IN_100 = 23
ONE_IN_200 = 8


def delivered(posts: float = 1.0, **more: Any) -> Expected:
    """Expect every user delivered, with up to `posts` requests per user: retries, probes, lost responses."""
    return Expected(EVERY_USER, Range(USERS, posts * USERS), **more)


def split(outcome: str, fraction: float, posts: float = 1.0, **more: Any) -> Expected:
    """Expect about this fraction of the users in `outcome` and the rest delivered; the fault is random."""
    low, high = round(0.5 * fraction * USERS), round(1.5 * fraction * USERS)
    outcomes = {outcome: Range(low, high), "delivered": Range(USERS - high, USERS - low)}
    return Expected(outcomes, Range(USERS, posts * USERS), **more)


def some(outcome: str, users: int, extra_posts: float = 0, **more: Any) -> Expected:
    """Expect exactly so many users in `outcome`, with so many further requests each, and the rest delivered."""
    outcomes = {outcome: exactly(users), "delivered": exactly(USERS - users)}
    if users > 0.01 * USERS:
        more = {"ended": "FAILED: open rows", "resumed": EVERY_USER, **more}
    return Expected(outcomes, Range(USERS, USERS + extra_posts * users), **more)


def paused(seconds: int, **more: Any) -> Expected:
    """Expect every user delivered after a pause."""
    return delivered(1.1, **{"seconds": Range(seconds, 20), "quiet": seconds - 1, **more})


def nothing_sent(cause: str, posts: Range, **more: Any) -> Expected:
    """Expect every user deferred, and delivered by the next attempt."""
    return Expected({"deferred": ALL}, posts, ended=f"FAILED: {cause}", resumed=EVERY_USER, **more)


def cut_off(cause: str, sent: int, posts: Range, **more: Any) -> Expected:
    """Expect the first `sent` users delivered and the others deferred, and delivered by the next attempt."""
    outcomes = {"delivered": exactly(sent), "deferred": exactly(USERS - sent)}
    return Expected(outcomes, posts, ended=f"FAILED: {cause}", resumed=EVERY_USER, **more)


def scenario(
    name: str,
    what: str,
    expected: Expected,
    changes: Mapping[str, Any] | None = None,
    profile: str | None = None,
    then: Mapping[str, str] | None = None,
    **arguments: str,
) -> Scenario:
    """Return a scenario that is named after its fault profile, or changes `profile`.

    :param then: other arguments of the next attempt
    """
    return Scenario(
        name,
        what,
        expected,
        profile=profile or name,
        changes=changes or {},
        arguments=arguments,
        then=then or {},
    )

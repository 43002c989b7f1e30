"""One stack for all tests of this folder, which run in the order of their names and share their days."""

from collections.abc import Iterator

import pytest

from tests.compose.stack import Running
from tests.compose.stack import running as start
from tests.compose.world import World

USERS = 60


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack, with small extracts of the last days."""
    with start(tmp_path_factory.mktemp("compose"), "engagement-test", SEED_DAYS=1, SEED_ROWS=USERS) as stack:
        yield stack


@pytest.fixture(scope="session")
def session_world(running: Running, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(running, running.airflow, tmp_path_factory.mktemp("world"))


@pytest.fixture
def world(session_world: World) -> Iterator[World]:
    """The stack and its days; whatever a test does, afterwards each date has the scores that it had."""
    yield session_world
    session_world.check_scores([*session_world.seen, *session_world.scored_days()])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coming up counts to the first test that needs the stack."""
    for item in items:
        item.add_marker(pytest.mark.timeout(1_500))

"""A stack of its own. The run that Airflow schedules by itself waits for its extract, and is in nobody's way."""

from collections.abc import Iterator

import pytest

from tests.compose.stack import running as start
from tests.compose.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with start(tmp_path_factory.mktemp("compose"), "engagement-month", SEED_DAYS=0) as running:
        running.airflow.unpause()
        month = World(running, running.airflow, tmp_path_factory.mktemp("world"))
        month.set_rate(2_000)  # 300,000 records are sent
        yield month

"""A compose stack without extracts, so that the scheduled run waits and does not disturb the backfills."""

from collections.abc import Iterator

import pytest

from tests.compose.compose_stack import running_compose_stack
from tests.compose.pipeline import Pipeline


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with running_compose_stack(tmp_path_factory.mktemp("compose"), "engagement-month", SEED_DAYS=0) as stack:
        stack.airflow.unpause()
        pipeline = Pipeline(stack, stack.airflow, tmp_path_factory.mktemp("pipeline"))
        pipeline.set_rate(2_000)  # 300,000 users are sent
        yield pipeline

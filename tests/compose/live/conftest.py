"""One compose stack for all tests of this folder, which run in the order of their names and share its dates."""

from collections.abc import Iterator

import pytest

from tests.compose.compose_stack import ComposeStack, running_compose_stack
from tests.compose.pipeline import Pipeline

USERS = 60


@pytest.fixture(scope="session")
def compose_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The stack, with a small extract."""
    with running_compose_stack(
        tmp_path_factory.mktemp("compose"), "engagement-test", SEED_DAYS=1, SEED_ROWS=USERS
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def session_pipeline(compose_stack: ComposeStack, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return Pipeline(compose_stack, compose_stack.airflow, tmp_path_factory.mktemp("pipeline"))


@pytest.fixture
def pipeline(session_pipeline: Pipeline) -> Iterator[Pipeline]:
    """The pipeline on the stack. After each test, the scores of every date must be unchanged."""
    yield session_pipeline
    session_pipeline.check_scores_unchanged([*session_pipeline.seen, *session_pipeline.scored_days()])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test time for the start of the stack, which counts as part of the first one."""
    for item in items:
        item.add_marker(pytest.mark.timeout(1_500))

"""The pool: created, corrected, and otherwise left alone."""

from __future__ import annotations

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.pool import ensure_pool, is_pool_correct
from tests.unit.infra.deploy.fake_airflow import FakeAirflow


def test_a_missing_or_wrong_pool_is_created_or_corrected() -> None:
    airflow = FakeAirflow()
    api = AirflowApi(airflow, "engagement")
    assert not is_pool_correct(api)
    assert ensure_pool(api)
    assert airflow.pool is not None
    assert (airflow.pool["slots"], airflow.pool["include_deferred"]) == (1, True)
    assert is_pool_correct(api)
    assert not ensure_pool(api)
    airflow.pool["include_deferred"] = False
    assert not is_pool_correct(api)
    assert ensure_pool(api)
    assert [method for method, _, _ in airflow.changes] == ["POST", "PATCH"]

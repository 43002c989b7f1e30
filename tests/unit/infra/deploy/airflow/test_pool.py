"""The pool: created, corrected, and otherwise left alone."""

from __future__ import annotations

import pytest

from infra.deploy.airflow.airflow_api import AirflowApi
from infra.deploy.airflow.pool import ensure_pool, is_pool_correct
from tests.unit.infra.deploy.fake_airflow import FakeAirflow


@pytest.mark.parametrize("name", ["engagement", "crm", "p" * 50])
def test_a_missing_or_wrong_pool_is_created_or_corrected(name: str) -> None:
    airflow = FakeAirflow()
    api = AirflowApi(airflow, "engagement")
    assert not is_pool_correct(api, name)
    assert ensure_pool(api, name)
    assert airflow.pool is not None
    assert (airflow.pool["slots"], airflow.pool["include_deferred"]) == (1, True)
    assert is_pool_correct(api, name)
    assert not ensure_pool(api, name)
    airflow.pool["include_deferred"] = False
    assert not is_pool_correct(api, name)
    assert ensure_pool(api, name)
    assert [(method, path) for method, path, _ in airflow.changes] == [("POST", "/pools"), ("PATCH", f"/pools/{name}")]
    assert airflow.changes[0][2]["name"] == airflow.changes[1][2]["pool"] == name

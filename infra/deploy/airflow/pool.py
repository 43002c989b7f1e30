"""The Airflow pool that keeps the DAG's Glue jobs apart."""

from typing import Any

from infra.deploy.airflow.airflow_api import AirflowApi

_SETTINGS = {"slots": 1, "include_deferred": True}
_DESCRIPTION = "Runs one Glue job of the DAG at a time; deferred tasks count."


def is_pool_correct(api: AirflowApi, name: str) -> bool:
    """Return whether the pool exists and has one slot that counts deferred tasks."""
    return _is_correct(api.find(f"/pools/{name}"))


def ensure_pool(api: AirflowApi, name: str) -> bool:
    """Create or correct the pool; return whether it was changed."""
    present = api.find(f"/pools/{name}")
    if _is_correct(present):
        return False
    if present is None:
        api.call("POST", "/pools", body={"name": name, "description": _DESCRIPTION, **_SETTINGS})
    else:
        # Airflow calls the name `pool` in this request and `name` everywhere else.
        description = present.get("description")
        api.call("PATCH", f"/pools/{name}", body={"pool": name, "description": description, **_SETTINGS})
    return True


def _is_correct(pool: Any) -> bool:
    return bool(pool) and all(pool.get(key) == value for key, value in _SETTINGS.items())

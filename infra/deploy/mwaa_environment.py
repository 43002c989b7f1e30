"""The Airflow environment as MWAA tells of it."""

from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.progress import Progress

_USABLE = ("AVAILABLE", "UPDATE_FAILED")  # after an update that failed, Airflow runs on as before
_LOST = ("CREATE_FAILED", "UNAVAILABLE", "DELETING", "DELETED")
_SECONDS = 3600.0


def describe(mwaa: Any, name: str) -> str:
    """Its status and the last update's error, as `, MWAA UPDATING`; empty when there is none."""
    status, error = _look(mwaa, name)
    return f", MWAA {status}{error}" if status else ""


def await_usable(mwaa: Any, name: str, progress: Progress) -> None:
    """Wait until its Airflow answers. Raises DeployError when it will not."""

    def look() -> str | None:
        status, error = _look(mwaa, name)
        if status in _LOST:
            raise DeployError(f"Airflow's environment {name} is {status}{error}. Look at it in the MWAA console")
        return None if status in _USABLE else f"Airflow's environment {name} is {status}{error}"

    progress.until(look, _SECONDS, "Look at it in the MWAA console, then run this again")


def _look(mwaa: Any, name: str) -> tuple[str, str]:
    try:
        found = mwaa.get_environment(Name=name)["Environment"]
    except mwaa.exceptions.ResourceNotFoundException:
        return "", ""
    error = found.get("LastUpdate", {}).get("Error", {}).get("ErrorMessage")
    return found["Status"], f" ({error})" if error else ""

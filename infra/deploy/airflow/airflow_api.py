"""An Airflow environment of MWAA: its status, and its REST API, where MWAA signs the caller in by AWS credentials."""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import AirflowError, DeployError
from infra.deploy.progress_log import ProgressLog

_ATTEMPTS = 6
_PAUSE_SECONDS = 5.0


_AVAILABLE = ("AVAILABLE", "UPDATE_FAILED")  # after an update that failed, Airflow runs on as before
_FAILED = ("CREATE_FAILED", "UNAVAILABLE", "DELETING", "DELETED")
_ENVIRONMENT_TIMEOUT_SECONDS = 3600.0
_API_TIMEOUT_SECONDS = 600.0


class AirflowApi:
    """Calls of one environment.

    :param mwaa: boto3 MWAA client
    :param name: of the environment
    """

    def __init__(self, mwaa: Any, name: str) -> None:
        self._mwaa = mwaa
        self._name = name

    def call(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> Any:
        """Call `path`, such as `/pools/engagement`; give the answer's JSON. A busy Airflow is asked again.

        :raises AirflowError: for every status that is not a success
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._request(method, path, query, body)
            except AirflowError as error:
                if error.status == 409 and attempt:
                    return None  # an earlier try was carried out, and only its answer was lost
                if error.status < 500 or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _request(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> Any:
        asked: dict[str, Any] = {"Name": self._name, "Method": method, "Path": path}
        if query:
            asked["QueryParameters"] = query
        if body is not None:
            asked["Body"] = body
        try:
            answer = self._mwaa.invoke_rest_api(**asked).get("RestApiResponse")
        except ClientError as error:
            status = error.response.get("RestApiStatusCode")
            if status is None:
                raise
            said = json.dumps(error.response.get("RestApiResponse"))[:1000]
            raise AirflowError(int(status), f"Airflow: {method} {path}: HTTP {status}: {said}") from None
        return json.loads(answer) if isinstance(answer, str) and answer[:1] in "{[" else answer

    def find(self, path: str) -> Any:
        """As GET, but None where there is none."""
        try:
            return self.call("GET", path)
        except AirflowError as error:
            if error.status == 404:
                return None
            raise

    def status(self) -> str:
        """Return MWAA's status and the last update's error, as `UPDATING (reason)`; empty when there is none."""
        try:
            found = self._mwaa.get_environment(Name=self._name)["Environment"]
        except self._mwaa.exceptions.ResourceNotFoundException:
            return ""
        error = found.get("LastUpdate", {}).get("Error", {}).get("ErrorMessage")
        return f"{found['Status']} ({error})" if error else str(found["Status"])

    def wait_until_available(self, progress: ProgressLog) -> None:
        """Wait until Airflow answers.

        :raises DeployError: when it will not
        """

        def poll() -> str | None:
            status = self.status()
            said = f"Airflow's environment {self._name} is {status}"
            if status.startswith(_FAILED):
                raise DeployError(f"{said}. Look at it in the MWAA console")
            return None if status.startswith(_AVAILABLE) else said

        progress.wait_until_done(
            poll, _ENVIRONMENT_TIMEOUT_SECONDS, "Look at it in the MWAA console, then run this again"
        )
        progress.wait_until_done(
            self.unavailable_reason, _API_TIMEOUT_SECONDS, "Look at the environment's web server log"
        )

    def unavailable_reason(self) -> str | None:
        """Why Airflow does not answer, None when it does: just after an update of the environment it may not yet."""
        try:
            self._request("GET", "/pools/default_pool")
        except AirflowError as error:
            if error.status < 500:
                raise
            return str(error)
        return None


_POOL = {"slots": 1, "include_deferred": True}


def is_pool_correct(api: AirflowApi, name: str) -> bool:
    """Whether the pool is there, with one slot that counts deferred tasks."""
    return _is_correct(api.find(f"/pools/{name}"))


def ensure_pool(api: AirflowApi, name: str) -> bool:
    """See to the pool of one slot that counts deferred tasks; say whether anything had to be done."""
    there = api.find(f"/pools/{name}")
    if _is_correct(there):
        return False
    if there is None:
        about = "One Glue job of the DAG at a time, deferred tasks counted."
        api.call("POST", "/pools", body={"name": name, "description": about, **_POOL})
    else:
        # Airflow names it `pool` here and `name` everywhere else.
        api.call("PATCH", f"/pools/{name}", body={"pool": name, "description": there.get("description"), **_POOL})
    return True


def _is_correct(pool: Any) -> bool:
    return bool(pool) and all(pool.get(key) == value for key, value in _POOL.items())

"""Airflow's REST API through MWAA, which signs the caller in by AWS credentials."""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

_TRIES = 6
_PAUSE_SECONDS = 5.0


class AirflowError(RuntimeError):
    """Airflow answered otherwise than asked for; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


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
        for attempt in range(_TRIES):
            try:
                return self._ask(method, path, query, body)
            except AirflowError as error:
                if error.status == 409 and attempt:
                    return None  # an earlier try was carried out, and only its answer was lost
                if error.status < 500 or attempt == _TRIES - 1:
                    raise
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def _ask(
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

    def silence(self) -> str | None:
        """Why Airflow does not answer, None when it does: just after an update of the environment it may not yet."""
        try:
            self._ask("GET", "/pools/default_pool")
        except AirflowError as error:
            if error.status < 500:
                raise
            return str(error)
        return None


_WANTED = {"slots": 1, "include_deferred": True}


def pool_is_right(api: AirflowApi, name: str) -> bool:
    """Whether the pool is there, with one slot that counts deferred tasks."""
    return _is_right(api.find(f"/pools/{name}"))


def ensure_pool(api: AirflowApi, name: str) -> bool:
    """See to the pool of one slot that counts deferred tasks; say whether anything had to be done."""
    there = api.find(f"/pools/{name}")
    if _is_right(there):
        return False
    if there is None:
        about = "One Glue job of the DAG at a time, deferred tasks counted."
        api.call("POST", "/pools", body={"name": name, "description": about, **_WANTED})
    else:
        # Airflow names it `pool` here and `name` everywhere else.
        api.call("PATCH", f"/pools/{name}", body={"pool": name, "description": there.get("description"), **_WANTED})
    return True


def _is_right(pool: Any) -> bool:
    return bool(pool) and all(pool.get(key) == value for key, value in _WANTED.items())

"""The status of an MWAA environment and its Airflow REST API, which MWAA calls with the caller's AWS credentials."""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import AirflowError, DeployError
from infra.deploy.progress_log import ProgressLog

_ATTEMPTS = 6
_PAUSE_SECONDS = 5.0
_AVAILABLE = ("AVAILABLE", "UPDATE_FAILED")  # after a failed update, Airflow keeps running as before
_FAILED = ("CREATE_FAILED", "UNAVAILABLE", "DELETING", "DELETED")
_ENVIRONMENT_TIMEOUT_SECONDS = 3600.0
_API_TIMEOUT_SECONDS = 600.0


class AirflowApi:
    """Calls the API of one environment.

    :param mwaa: boto3 MWAA client
    :param name: name of the environment
    """

    def __init__(self, mwaa: Any, name: str) -> None:
        self._mwaa = mwaa
        self._name = name

    def call(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> Any:
        """Send a request, and repeat it when Airflow answers with a 5xx status.

        :param path: such as `/pools/engagement`
        :return: the JSON document of the response
        :raises AirflowError: for every other status that is not a success, and for a 5xx after the last attempt
        """
        for attempt in range(_ATTEMPTS):
            try:
                return self._request(method, path, query, body)
            except AirflowError as error:
                if error.status == 409 and attempt:
                    return None  # an earlier attempt succeeded, and only its response was lost
                if error.status < 500 or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("unreachable")

    def find(self, path: str) -> Any:
        """Send a GET request; return None when the status is 404."""
        try:
            return self.call("GET", path)
        except AirflowError as error:
            if error.status == 404:
                return None
            raise

    def status(self) -> str:
        """Return MWAA's status with the error of the last update, as `UPDATING (error)`.

        :return: an empty string when there is no environment
        """
        try:
            environment = self._mwaa.get_environment(Name=self._name)["Environment"]
        except self._mwaa.exceptions.ResourceNotFoundException:
            return ""
        error = environment.get("LastUpdate", {}).get("Error", {}).get("ErrorMessage")
        return f"{environment['Status']} ({error})" if error else str(environment["Status"])

    def wait_until_available(self, progress: ProgressLog) -> None:
        """Wait until the environment is available and its API responds.

        :raises DeployError: when the environment has failed, or after a timeout
        """

        def poll() -> str | None:
            status = self.status()
            description = f"the Airflow environment {self._name} is {status}"
            if status.startswith(_FAILED):
                raise DeployError(f"{description}. Check it in the MWAA console")
            return None if status.startswith(_AVAILABLE) else description

        progress.wait_until_done(
            poll, _ENVIRONMENT_TIMEOUT_SECONDS, "Check it in the MWAA console, then run this again"
        )
        progress.wait_until_done(
            self.unavailable_reason, _API_TIMEOUT_SECONDS, "Check the web server log of the environment"
        )

    def unavailable_reason(self) -> str | None:
        """Return why the API does not respond; None when it does. It may not, just after an update.

        :raises AirflowError: when Airflow refuses the request
        """
        try:
            self._request("GET", "/pools/default_pool")
        except AirflowError as error:
            if error.status < 500:
                raise
            return str(error)
        return None

    def _request(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
    ) -> Any:
        arguments: dict[str, Any] = {"Name": self._name, "Method": method, "Path": path}
        if query:
            arguments["QueryParameters"] = query
        if body is not None:
            arguments["Body"] = body
        try:
            response = self._mwaa.invoke_rest_api(**arguments).get("RestApiResponse")
        except ClientError as error:
            status = error.response.get("RestApiStatusCode")
            if status is None:
                raise
            details = json.dumps(error.response.get("RestApiResponse"))[:1000]
            raise AirflowError(int(status), f"Airflow API: {method} {path}: HTTP {status}: {details}") from None
        return json.loads(response) if isinstance(response, str) and response[:1] in "{[" else response

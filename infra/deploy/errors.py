"""What ends a deployment, and is reported in the last line."""


class DeployError(RuntimeError):
    """Something is not as it must be; the message says what was found, where, and what to do next."""


class AirflowError(DeployError):
    """Airflow answered with a status that is not a success; `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

"""Exceptions that end a run of the deploy tool; the last line of the output reports them."""


class DeployError(RuntimeError):
    """A condition that stops the deployment; the message says what was expected, what was found, and what to do."""


class AirflowError(DeployError):
    """A response of Airflow's API whose HTTP status is not a success.

    :param status: the HTTP status
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

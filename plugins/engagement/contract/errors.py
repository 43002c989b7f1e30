"""The exceptions that the Airflow side raises itself, as one tree with the base `EngagementError`.

Operators turn them into Airflow's own exceptions: ``AirflowFailException`` when a retry cannot help,
``AirflowException`` when it can.
"""

from collections.abc import Sequence


class EngagementError(Exception):
    """Base class of all exceptions in this module."""


class ConfigError(EngagementError):
    """An option in the ``[engagement]`` section of Airflow's configuration is invalid."""


class SettingsError(EngagementError):
    """The Airflow Variable ``engagement`` is absent or invalid. The message lists every fault."""


class DocumentError(EngagementError):
    """A JSON document does not match its model.

    :param faults: one clause per fault, without a final period
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


class ScoreDateError(EngagementError, ValueError):
    """A requested date cannot be scored. It is a ``ValueError`` because pydantic validators must raise one."""


class ExtractError(EngagementError):
    """The extract is missing, incomplete or not Parquet. Only a new upload helps."""


class AccessDeniedError(EngagementError):
    """S3 denies a request. The message names the object and the missing permission."""


class BadBaseUrlError(EngagementError):
    """The setting ``base_url`` is malformed, or would expose the token or the scores."""


class BadCaFileError(EngagementError):
    """The object that the setting ``ca_uri`` names is missing, or contains no certificates."""


class CrmUnavailableError(EngagementError):
    """The CRM does not respond, redirects, or responds with a server error. A later attempt may succeed."""


class OutputBucketError(EngagementError):
    """The output bucket cannot be read. The message is one sentence for the dashboard."""


class DashboardUnavailableError(EngagementError):
    """The dashboard has no data to show.

    :param problem: what was observed, as a sentence
    :param expected: what was expected, as a sentence
    :param advice: what the operator can do, as a sentence
    """

    def __init__(self, problem: str, expected: str, advice: str) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.advice = problem, expected, advice

"""Every exception class of the jobs.

An error that ends a job run reaches Glue's `ErrorMessage` as `<class name>: <text>`, which Glue may precede with
`Error Category: UNCLASSIFIED_ERROR; Failed Line Number: 10; `. Its text is one line and states what was expected,
what the job got, where, and what to do next; docs/guides/runbook.md has a row for each.
"""

from __future__ import annotations


class JobError(Exception):
    """Base class of all errors that the jobs raise themselves."""


# Both jobs


class UnexpectedError(JobError):
    """An error that the job does not know, in one line. Its trace is in the error log of the run."""


class ArgumentError(JobError):
    """A job argument is missing or invalid."""


class AccessDeniedError(JobError):
    """S3 denies a request. The text names the object and the missing permission."""


class WorkflowError(JobError):
    """The properties of a Glue workflow run are invalid, or its date is too old to push."""


# Scoring job


class ExtractError(JobError):
    """The extract is missing, incomplete or not Parquet. Only a new upload helps."""


class InputChangedError(JobError):
    """The extract was deleted or replaced after it was checked."""


class SchemaError(JobError):
    """The extract cannot be read, or its columns do not match the contract."""


class StalledError(JobError):
    """No Spark task has ended for `stall_timeout_seconds`. The scores have no manifest."""


class WeightsError(JobError):
    """The weights document is invalid. The text lists every fault."""


class TooManyInvalidRowsError(JobError):
    """More rows are invalid than `max_invalid_fraction` allows, or there is nothing to score."""


# Push job


class ScoresError(JobError):
    """The scores are missing, belong to another run, or differ from their manifest. Nothing was sent."""


class CrmDocumentError(JobError):
    """The CRM document does not exist or is invalid. The text lists every fault. Nothing was sent."""


class TooFewSlotsError(JobError):
    """The cluster cannot run all push tasks at the same time. Nothing was sent."""


class SecretError(JobError):
    """The CRM secret cannot be used as it is. The text contains no value of the secret."""


class TokenError(JobError):
    """The token endpoint refuses the client, or its answers are no tokens. The text contains no part of them.

    :param is_garbage: it answered with success, but without a token, which a gateway may have caused
    """

    def __init__(self, text: str, *, is_garbage: bool = False) -> None:
        super().__init__(text)
        self.is_garbage = is_garbage


class TokenUnavailableError(JobError):
    """The token endpoint does not answer, or not now.

    :param wait: seconds for which it wants no further request, None if it did not say
    """

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class CrmUnreachableError(JobError):
    """There is no connection to the CRM. The job sent and deleted nothing.

    :param is_temporary: another try may succeed
    """

    def __init__(self, text: str, *, is_temporary: bool = False) -> None:
        super().__init__(text)
        self.is_temporary = is_temporary


class TaskRestartedError(JobError):
    """Spark started a push task again. It would send what its first try delivered."""


class LedgerError(JobError):
    """The outcomes in the ledger do not add up to the rows of the scores. No manifest was written."""


class DeliveryFailedError(JobError):
    """The delivery is incomplete. The ledger and the manifest were written."""


# One HTTP request of the push job. These never end a job run.


class UnsentError(JobError):
    """The CRM certainly did not receive the request. The text is the reason's code."""


class AmbiguousError(JobError):
    """The CRM may have received and applied the request. The text is the reason's code."""


class ReusedConnectionError(AmbiguousError):
    """A pooled connection was closed or reset after the request was written and before a status arrived."""


class StaleConnectionError(JobError):
    """A pooled connection received data before the request was written to it."""

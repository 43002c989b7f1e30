"""Why a delivery ends before all rows were sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stop:
    """Why a task, or the whole job, stopped sending.

    :param cause: machine word
    :param detail: one sentence for a person
    :param not_before: epoch seconds before which the CRM wants no requests
    """

    cause: str
    detail: str
    not_before: float | None = None

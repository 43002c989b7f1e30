"""Which object belongs to which address of the page. Nothing but reports of runs can be addressed.

A run is named by its folder, a score date or ``dry_runs``, and its run key (see :mod:`engagement.contract.s3_keys`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engagement.contract import s3_keys

SUMMARIES = "summaries/dt="
DRY_RUNS = "dry_runs"

# No slash, no dot alone, no character that means something in a URL.
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_RUN = r"[A-Za-z0-9_.-]{1,400}-[0-9a-f]{8}"
_ADDRESS = re.compile(rf"(?P<folder>{_DATE}|{DRY_RUNS})/(?P<run>{_RUN})")
_OBJECT = re.compile(rf"(?:summaries/dt=({_DATE})/runs/({_RUN})|{DRY_RUNS}/({_RUN})/summary)\.(json|html)")
_DAY_OF_RUN = re.compile(rf"__({_DATE})T")


@dataclass(frozen=True, slots=True)
class RunLocation:
    """Where one run's summary and report lie.

    :param folder: the score date, or ``dry_runs``
    :param run: the run key
    """

    folder: str
    run: str

    @property
    def is_dry_run(self) -> bool:
        """Whether the run wrote to its own folder."""
        return self.folder == DRY_RUNS

    @property
    def address(self) -> str:
        """The run's part of a URL: folder and run key, which need no quoting."""
        return f"{self.folder}/{self.run}"

    @property
    def summary_key(self) -> str:
        """Key of the summary."""
        return f"{self._prefix}.json"

    @property
    def report_key(self) -> str:
        """Key of the report."""
        return f"{self._prefix}.html"

    @property
    def _prefix(self) -> str:
        return s3_keys.summary_prefix_of_key(self.folder, self.run, dry_run=self.is_dry_run)

    @property
    def day(self) -> str | None:
        """ISO date that the location itself tells: the score date, or when the run was due; None without one."""
        if not self.is_dry_run:
            return self.folder
        found = _DAY_OF_RUN.search(self.run)
        return found[1] if found else None


def from_object_key(key: str) -> tuple[RunLocation, str] | None:
    """Return whose object lies under ``key``, None when it is no run's.

    :return: the run, and ``json`` for its summary or ``html`` for its report
    """
    found = _OBJECT.fullmatch(key)
    if not found:
        return None
    date, run, dry, ending = found.groups()
    return (RunLocation(DRY_RUNS, dry) if dry else RunLocation(date, run)), ending


def from_url(folder: str, run: str) -> RunLocation | None:
    """Return the run that a URL names, None when it cannot be one."""
    return RunLocation(folder, run) if _ADDRESS.fullmatch(f"{folder}/{run}") else None

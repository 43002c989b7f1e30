"""Addresses of runs: which URL of the dashboard belongs to which object. Only reports and summaries have an address.

A run is identified by its folder, which is a score date or ``dry_runs``, and its run key
(see :mod:`engagement.contract.s3_keys`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from engagement.contract import s3_keys

SUMMARIES = "summaries/dt="
DRY_RUNS = "dry_runs"

# No slashes, no single dots, no characters that have a meaning in a URL.
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_RUN = r"[A-Za-z0-9_.-]{1,400}-[0-9a-f]{8}"
_URL_PATH = re.compile(rf"(?P<folder>{_DATE}|{DRY_RUNS})/(?P<run>{_RUN})")
_OBJECT_KEY = re.compile(rf"(?:summaries/dt=({_DATE})/runs/({_RUN})|{DRY_RUNS}/({_RUN})/summary)\.(json|html)")
_DATE_IN_RUN_KEY = re.compile(rf"__({_DATE})T")


@dataclass(frozen=True, slots=True)
class RunLocation:
    """The place of one run's summary and report in the bucket.

    :param folder: the score date, or ``dry_runs``
    :param run: the run key
    """

    folder: str
    run: str

    @property
    def is_dry_run(self) -> bool:
        """Whether the run wrote to the folder of dry runs."""
        return self.folder == DRY_RUNS

    @property
    def url_path(self) -> str:
        """Folder and run key; they need no quoting."""
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
    def date(self) -> str | None:
        """The score date, or the date in a dry run's id, as ISO text; None without one."""
        if not self.is_dry_run:
            return self.folder
        match = _DATE_IN_RUN_KEY.search(self.run)
        return match[1] if match else None


def from_object_key(key: str) -> tuple[RunLocation, str] | None:
    """Return the run to which an object belongs; None for other objects.

    :return: the run, and ``json`` for its summary or ``html`` for its report
    """
    match = _OBJECT_KEY.fullmatch(key)
    if not match:
        return None
    date, run, dry_run, extension = match.groups()
    location = RunLocation(DRY_RUNS, dry_run) if dry_run else RunLocation(date, run)
    return location, extension


def from_url(folder: str, run: str) -> RunLocation | None:
    """Return the run that the parts of a URL name; None when they are not valid."""
    return RunLocation(folder, run) if _URL_PATH.fullmatch(f"{folder}/{run}") else None

"""Are a date's scores whole, and of this run? Data in, verdict out. Whether they are plausible is asked in `drift`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engagement import layout

MANIFEST_VERSION = 1
BINS = 20
"""Bins of a manifest's histogram, five points each."""


@dataclass(slots=True)
class Verdict:
    """What was checked and found, in sentences; no problems means that the scores may be sent."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)

    def add(self, more: "Verdict") -> None:
        """Take over what another look found."""
        self.problems += more.problems
        self.warnings += more.warnings
        self.checks += more.checks


def check_manifest(
    manifest: Any, *, score_date: str, run_id: str, objects: Mapping[str, int], verdict: Verdict
) -> None:
    """Compare a manifest with its run, with itself and with the ``objects`` (name to bytes) beside it."""
    try:
        _compare(manifest, score_date, run_id, objects, verdict)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        verdict.problems.append(f"the manifest is not in the form of version {MANIFEST_VERSION} ({error!r})")


def _compare(manifest: Any, score_date: str, run_id: str, objects: Mapping[str, int], verdict: Verdict) -> None:
    if manifest["version"] != MANIFEST_VERSION:
        raise ValueError(f"version {manifest['version']!r}")
    for name, wanted in (("run_id", run_id), ("score_date", score_date)):
        if manifest[name] != wanted:
            verdict.problems.append(f"the manifest is of {name} {manifest[name]!r}; wanted {wanted!r}")
    listed = {entry["name"]: int(entry["bytes"]) for entry in manifest["files"]}
    missing = sorted(listed.keys() - objects.keys())
    extra = sorted(objects.keys() - listed.keys())
    resized = sorted(name for name in listed.keys() & objects.keys() if listed[name] != objects[name])
    if missing:
        verdict.problems.append(f"{_some(missing)} listed in the manifest but not there")
    if extra:
        verdict.problems.append(f"{_some(extra)} there but not listed in the manifest")
    verdict.problems.extend(
        f"{name} has {objects[name]} bytes; the manifest says {listed[name]}" for name in resized[:3]
    )
    verdict.checks.append(f"{len(listed)} files as listed")
    rows = {name: int(manifest["rows"][name]) for name in ("input", "scored", "rejected", "collapsed")}
    parts = rows["scored"] + rows["rejected"] + rows["collapsed"]
    if len(manifest["histogram"]) != BINS or sum(manifest["histogram"]) != rows["scored"]:
        verdict.problems.append(f"the histogram does not hold {rows['scored']} rows in {BINS} bins")
    if rows["input"] != parts:
        verdict.problems.append(
            f"rows do not add up: input {rows['input']}, but scored {rows['scored']} + rejected "
            f"{rows['rejected']} + collapsed {rows['collapsed']} = {parts}"
        )
    verdict.checks.append("rows add up")


def earlier_dates(folders: Iterable[str], score_date: str) -> list[str]:
    """Return the dates before ``score_date`` that have a folder of scores, the latest first.

    :param folders: prefixes under ``layout.scores_root()``
    """
    dates = map(layout.date_of_scores_folder, folders)
    return sorted((date for date in dates if date and date < score_date), reverse=True)


def is_usable(manifest: Any) -> bool:
    """Tell whether an earlier date's manifest can be compared with: others are passed over, not fatal."""
    try:
        rows, weights = manifest["rows"], manifest["weights"]["sha256"]
        has_counts = min(rows["scored"], rows["rejected"], rows["input"]) >= 0
        return has_counts and len(manifest["histogram"]) == BINS and bool(weights)
    except (KeyError, TypeError):
        return False


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}: {'is' if len(names) == 1 else 'are'}"

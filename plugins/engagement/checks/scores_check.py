"""Are the scores' files as their manifest says? And the manifests of earlier dates, with which `drift` compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engagement.aws.s3 import Bucket
from engagement.contract import s3_keys
from engagement.contract.errors import DocumentError
from engagement.contract.scores_manifest import ScoresManifest, ScoreStatistics
from engagement.contract.strict_model import parse


@dataclass(slots=True)
class CheckResult:
    """What was checked and found, in sentences; no problems means that the scores may be sent."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def add(self, more: CheckResult) -> None:
        """Take over what another look found."""
        self.problems += more.problems
        self.warnings += more.warnings
        self.passed += more.passed


def check_files(manifest: ScoresManifest, objects: Mapping[str, int], result: CheckResult) -> None:
    """Compare a manifest with the ``objects`` (name to bytes) in its folder."""
    listed = {file.name: file.bytes for file in manifest.files}
    missing = sorted(listed.keys() - objects.keys())
    extra = sorted(objects.keys() - listed.keys())
    resized = sorted(name for name in listed.keys() & objects.keys() if listed[name] != objects[name])
    if missing:
        result.problems.append(f"{_some(missing)} listed in the manifest but not there")
    if extra:
        result.problems.append(f"{_some(extra)} there but not listed in the manifest")
    result.problems.extend(
        f"{name} has {objects[name]} bytes; the manifest says {listed[name]}" for name in resized[:3]
    )
    result.passed += [f"{len(listed)} files as listed", "rows add up"]


def read_earlier_manifests(store: Bucket, score_date: str) -> Iterator[tuple[str, ScoreStatistics | None]]:
    """Read the manifests of the dates before ``score_date``, the latest first; None when one cannot be compared."""
    dates = map(s3_keys.date_of_scores_folder, store.list_folders(s3_keys.scores_root()))
    for date in sorted((date for date in dates if date and date < score_date), reverse=True):
        try:
            yield date, parse(ScoreStatistics, store.read(s3_keys.scores_manifest(date)) or b"")
        except DocumentError:
            yield date, None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}: {'is' if len(names) == 1 else 'are'}"

"""Checks that the files of scores match their manifest, and reads the manifests of earlier dates."""

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
    """Results of checks, one clause each.

    :param problems: reasons not to send the scores
    :param warnings: results that the operator should review
    :param passed: everything else that was checked
    """

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)

    def add(self, other: CheckResult) -> None:
        """Append the results of another check."""
        self.problems += other.problems
        self.warnings += other.warnings
        self.passed += other.passed


def check_files(manifest: ScoresManifest, sizes: Mapping[str, int]) -> CheckResult:
    """Compare a manifest with the objects in its folder.

    :param sizes: bytes of each object by name, without the manifest
    """
    result = CheckResult()
    listed = {file.name: file.bytes for file in manifest.files}
    missing = sorted(listed.keys() - sizes.keys())
    extra = sorted(sizes.keys() - listed.keys())
    resized = sorted(name for name in listed.keys() & sizes.keys() if listed[name] != sizes[name])
    if missing:
        result.problems.append(f"{_some(missing)} in the manifest but not in the folder")
    if extra:
        result.problems.append(f"{_some(extra)} in the folder but not in the manifest")
    result.problems.extend(
        f"{name} has {sizes[name]} bytes, expected {listed[name]} as in the manifest" for name in resized[:3]
    )
    result.passed += [f"{len(listed)} files match the manifest", "rows add up"]
    return result


def read_earlier_manifests(bucket: Bucket, score_date: str) -> Iterator[tuple[str, ScoreStatistics | None]]:
    """Read the manifests of the dates before ``score_date``, the latest first.

    :return: pairs of a date and the statistics of its manifest, None if they cannot be compared
    """
    folders = bucket.list_folders(s3_keys.scores_root())
    dates = [date for date in map(s3_keys.date_of_scores_folder, folders) if date and date < score_date]
    for date in sorted(dates, reverse=True):
        try:
            yield date, parse(ScoreStatistics, bucket.read(s3_keys.scores_manifest_key(date)) or b"")
        except DocumentError:
            yield date, None


def _some(names: Sequence[str]) -> str:
    """Name at most three files, as the subject of a clause."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    verb = "is" if len(names) == 1 else "are"
    return f"{', '.join(names[:3])}{more} {verb}"

"""The scores' files beside their manifest, and the manifests of earlier dates."""

from __future__ import annotations

import pytest

from engagement.checks.scores_check import CheckResult, check_files
from tests.unit.plugins.engagement.run_factory import scores_manifest

FILES = {"part-0.csv": 10, "part-1.csv": 20}
MANIFEST = scores_manifest(files=[{"name": name, "bytes": size} for name, size in FILES.items()])


@pytest.mark.parametrize(
    ("objects", "problems"),
    [
        (FILES, []),
        ({"part-0.csv": 10}, ["part-1.csv: is listed in the manifest but not there"]),
        ({}, ["part-0.csv, part-1.csv: are listed in the manifest but not there"]),
        ({**FILES, "part-9.csv": 1}, ["part-9.csv: is there but not listed in the manifest"]),
        (
            {**FILES, **{f"x{i}": 1 for i in range(5)}},
            ["x0, x1, x2 and 2 more: are there but not listed in the manifest"],
        ),
        ({**FILES, "part-1.csv": 19}, ["part-1.csv has 19 bytes; the manifest says 20"]),
    ],
)
def test_files(objects: dict[str, int], problems: list[str]) -> None:
    result = CheckResult()
    check_files(MANIFEST, objects, result)
    assert (result.problems, result.passed) == (problems, ["2 files as listed", "rows add up"])

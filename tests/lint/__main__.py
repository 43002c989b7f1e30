"""Check sizes and wording of files under version control: `python -m tests.lint [PATH ...]`, by default all files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lint import prose, sizes

ROOT = Path(__file__).parents[2]
NOT_CHECKED = (
    "docs/reference/charts",
    "docs/screenshots",
    "tests/lint/words.txt",
    "tests/unit/infra/snapshots",
    "tests/unit/lint/test_lint.py",  # has banned words as test data
)


def main(arguments: Sequence[str]) -> int:
    """Print every fault; 1 when there is one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    )
    paths = [Path(name) for name in listed.stdout.split("\0") if name and not name.startswith(NOT_CHECKED)]
    faults = list(sizes.check_packages(path for path in paths if path.suffix == ".py"))
    for path in paths:
        try:
            source = (ROOT / path).read_text(encoding="utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            continue  # removed from the work tree, or a picture
        if path.suffix == ".py":
            faults += sizes.check_file(path, source)
        faults += prose.check_file(path, source)
    print(*faults, sep="\n")
    print(f"{len(paths):,} files checked, {len(faults):,} faults")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

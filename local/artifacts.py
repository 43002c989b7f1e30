"""What the Glue jobs are deployed as: the two scripts and `engagement_jobs.zip`, the same bytes for the same source."""

import zipfile
from pathlib import Path

from local.processes import REPOSITORY

_SOURCE = REPOSITORY / "glue_jobs"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest time a zip can hold; a real one would change the bytes
SCRIPTS = ("score_users.py", "push_scores.py")
ARCHIVE = "engagement_jobs.zip"
PREFIX = "jobs/current"
"""Where the template looks for them in the artifacts bucket, unless told otherwise."""


def build(folder: Path) -> list[Path]:
    """Write scripts and archive into `folder`; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / ARCHIVE, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((_SOURCE / "engagement_jobs").rglob("*")):
            if path.suffix in (".py", ".json"):
                entry = zipfile.ZipInfo(path.relative_to(_SOURCE).as_posix(), _EPOCH)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    for name in SCRIPTS:
        (folder / name).write_bytes((_SOURCE / name).read_bytes())
    return [folder / name for name in (*SCRIPTS, ARCHIVE)]

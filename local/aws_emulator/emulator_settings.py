"""Settings of the AWS emulator."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from local.processes import REPOSITORY


def default_glue_python() -> Path:
    """Return LOCAL_GLUE_PYTHON, or the Python of the Glue environment that `make setup` installs.

    The Python is <prefix>/bin/python; its Java is <prefix>/java.
    """
    return Path(os.environ.get("LOCAL_GLUE_PYTHON") or REPOSITORY / ".venv-glue" / "bin" / "python")


@dataclass(frozen=True)
class EmulatorSettings:
    """Settings of the AWS emulator.

    :param root: folder that S3 serves, with one subfolder per bucket
    :param scratch: folder with one subfolder per job run, where its logs remain
    :param s3_url: URL of S3 for the jobs
    :param aws_url: URL of this emulator
    :param glue_python: Python of the jobs
    :param seconds_per_minute: length of a minute of Glue's Timeout
    :param stop_grace: seconds from SIGTERM to SIGKILL
    :param start_seconds: minimum duration of the state STARTING. A real Glue run takes seconds to start, and Airflow's
        scheduler relies on it: it reports a deferred task as killed if the task resumes before the scheduler has
        processed the deferral.
    """

    root: Path
    scratch: Path
    s3_url: str
    aws_url: str
    glue_python: Path
    seconds_per_minute: float = 60.0
    stop_grace: float = 2.0
    start_seconds: float = 5.0

    @classmethod
    def from_env(cls, root: Path, scratch: Path, s3_url: str, aws_url: str) -> "EmulatorSettings":
        """Return settings from arguments and from the variables LOCAL_GLUE_*.

        :raises SystemExit: when there is no Python for the jobs
        """
        python = default_glue_python()
        if not python.exists():
            sys.exit(f"No Python for Glue jobs at {python}; run `make setup` or set LOCAL_GLUE_PYTHON")
        return cls(
            root=root.resolve(),
            scratch=scratch.resolve(),
            s3_url=s3_url,
            aws_url=aws_url,
            glue_python=python,
            seconds_per_minute=float(os.environ.get("LOCAL_GLUE_SECONDS_PER_MINUTE", "60")),
            stop_grace=float(os.environ.get("LOCAL_GLUE_STOP_GRACE_SECONDS", "2")),
            start_seconds=float(os.environ.get("LOCAL_GLUE_START_SECONDS", "5")),
        )

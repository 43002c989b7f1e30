"""What the stand-in needs to know, in one place."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from local.processes import REPOSITORY


def default_glue_python() -> Path:
    """LOCAL_GLUE_PYTHON, <prefix>/bin/python with <prefix>/java beside it, or the one that `make setup` made."""
    return Path(os.environ.get("LOCAL_GLUE_PYTHON") or REPOSITORY / ".venv-glue" / "bin" / "python")


@dataclass(frozen=True)
class EmulatorSettings:
    """Where things are, and how long a minute lasts.

    `root`: the folder that S3 serves, one sub-folder per bucket. `scratch`: one sub-folder per job run, logs stay
    there. `seconds_per_minute` scales Glue's Timeout, which counts minutes. `stop_grace`: seconds from SIGTERM to
    SIGKILL. `start_seconds`: how long a run is STARTING at least. Glue never has a result sooner than some seconds,
    and Airflow's scheduler counts on it: of a deferred task that goes on before it has heard of the deferral, it says
    that the task was killed.
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
        """Settings of the command line, the rest from LOCAL_GLUE_* variables."""
        python = default_glue_python()
        if not python.exists():
            sys.exit(f"Glue's Python: found none at {python}; run `make setup` or set LOCAL_GLUE_PYTHON")
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

"""The output log of a job."""

from __future__ import annotations

import subprocess
import sys

from local.processes import REPOSITORY

PROGRAM = """
import logging
from engagement_jobs.common import log_setup
log_setup.log_to_stdout()
log_setup.log_to_stdout()
logging.getLogger("engagement.push").info("of the job")
logging.getLogger("engagement.push").debug("details")
logging.getLogger("botocore.credentials").info("of a library")
"""


def test_a_log_record_is_written_to_standard_output_once() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPOSITORY / "glue_jobs", capture_output=True, text=True, check=True
    )
    assert [line.partition(" INFO ")[2] for line in done.stdout.splitlines()] == ["engagement.push of the job"]
    assert done.stderr == ""

"""Log set-up: Glue stores the standard output of a job as its output log."""

from __future__ import annotations

import logging
import sys


def log_to_stdout() -> None:
    """Write log records of level INFO and above to standard output, those of noisy libraries from WARNING."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("py4j", "botocore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

"""What the jobs say, on standard output, which Glue keeps as the job's output log."""

from __future__ import annotations

import logging
import sys


def log_to_stdout() -> None:
    """Write records from INFO on to standard output; libraries speak up at warnings only."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("py4j", "botocore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)

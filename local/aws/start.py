"""Starts the AWS stand-in as a process of its own, for the local stack and for tests."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.aws.settings import REPOSITORY

_STOP_SECONDS = 20  # it ends the job runs first


@contextlib.contextmanager
def started(
    root: Path, s3_url: str, *, port: int = 0, scratch: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run `python -m local.aws` while the block runs; gives its URL. `env` is added to this process's own.

    Raises RuntimeError when it does not come up; what it said is on standard error then.
    """
    command = [sys.executable, "-m", "local.aws", "--root", str(root), "--s3-url", s3_url, "--port", str(port)]
    if scratch:
        command += ["--scratch", str(scratch)]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - given by PIPE
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"local.aws did not come up: exit code {process.wait()}, see standard error")
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

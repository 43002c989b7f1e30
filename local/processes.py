"""Start programs that print a line when they are ready, and stop them in any case."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_END_SECONDS = 20  # the AWS emulator stops its job runs first
REPOSITORY = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def terminate_on_exit(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Terminate the process group of `process` when the block ends, with SIGKILL if SIGTERM is not enough."""
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_END_SECONDS)


@contextlib.contextmanager
def running_service(
    module: str,
    arguments: Sequence[str],
    log: Path,
    env: Mapping[str, str] | None = None,
    python: str | Path = sys.executable,
) -> Iterator[str]:
    """Run `python -m <module>` until the block ends, and yield the URL that it prints when it is ready.

    The service runs in its own session, so that Ctrl-C reaches only the process that started it.

    :param log: file for its standard error
    :param env: environment variables in addition to those of this process
    :param python: interpreter of the virtual environment that has the service's dependencies
    :raises RuntimeError: when the service ends before it is ready
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [str(python), "-m", module, *arguments],
            cwd=REPOSITORY,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        with terminate_on_exit(process):
            assert process.stdout is not None  # noqa: S101 - a pipe
            line = process.stdout.readline()
            if not line:
                process.wait(_END_SECONDS)
                raise RuntimeError(f"{module} did not start: {log.read_text()[-2000:]}")
            yield json.loads(line)["url"]
            process.stdout.close()

"""Start programs that say when they are ready, and end every one of them whatever happens."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_END_SECONDS = 20  # the AWS stand-in ends its job runs first
REPOSITORY = Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def terminate_on_exit(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """End the process, and its group, when the block is left."""
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
    """Run `python -m <module>` and give the URL of its ready line; its errors go to `log`.

    In a process group of its own, so that a Ctrl-C reaches only who started it. `python`: the environment that has
    what the stand-in needs, when it is not this one.
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
            assert process.stdout is not None  # noqa: S101 - given by PIPE
            line = process.stdout.readline()
            if not line:
                process.wait(_END_SECONDS)
                raise RuntimeError(f"{module} did not come up: {log.read_text()[-2000:]}")
            yield json.loads(line)["url"]
            process.stdout.close()

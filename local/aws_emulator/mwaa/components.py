"""Runs Airflow's four parts under one leader: `python -m local.aws_emulator.mwaa.components LOGS PORT`.

The environment is Airflow's; the metadata database is made first.

Standard input is held by the stand-in: when that dies, so does everything here. When one part ends by itself, the rest
is ended, too, so that a crash shows at once.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# Neither scheduler nor triggerer serves logs: those servers listen on every address, and the files are here anyway.
PARTS = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--workers", "1", "--port"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


def _exit_with_the_emulator() -> None:
    os.read(0, 1)  # returns when the other end is gone
    os.killpg(0, signal.SIGKILL)


def _start(log_file: Path, words: list[str]) -> subprocess.Popen[bytes]:
    with log_file.open("ab") as log:
        command = [sys.executable, "-m", "airflow", *words]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def main() -> int:
    """Start every part and wait; gives the exit code of what fails, or ends, first."""
    logs, port = Path(sys.argv[1]), sys.argv[2]
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    threading.Thread(target=_exit_with_the_emulator, daemon=True).start()
    migrated = logs / "migrated"
    if not migrated.exists():
        if code := _start(logs / "migrate.log", ["db", "migrate"]).wait():
            return code
        migrated.touch()
    parts = [
        _start(logs / f"{name}.log", [*words, port] if words[-1] == "--port" else words)
        for name, words in PARTS.items()
    ]
    while not ending.is_set() and all(part.poll() is None for part in parts):
        time.sleep(0.2)
    for part in parts:
        part.terminate()
    return max(abs(part.wait()) for part in parts)


if __name__ == "__main__":
    sys.exit(main())

"""The components of Airflow as child processes of one: `python -m local.aws_emulator.mwaa.components LOGS PORT`.

The environment variables configure Airflow. The metadata database is created first. The emulator holds the other end of
standard input: if the emulator dies, all processes here die as well. If one component ends, the others are stopped, so
that a crash is visible at once.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

# Scheduler and triggerer serve no logs: these servers listen on all addresses, and the log files are on this machine.
COMPONENTS = {
    "api-server": ["api-server", "--host", "127.0.0.1", "--workers", "1", "--port"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}


def _exit_with_the_emulator() -> None:
    os.read(0, 1)  # returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


def _start(log_file: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    with log_file.open("ab") as log:
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def main() -> int:
    """Run all components until one ends or SIGTERM arrives; return the highest exit code."""
    logs, port = Path(sys.argv[1]), sys.argv[2]
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    threading.Thread(target=_exit_with_the_emulator, daemon=True).start()
    migrated = logs / "migrated"
    if not migrated.exists():
        if code := _start(logs / "migrate.log", ["db", "migrate"]).wait():
            return code
        migrated.touch()
    components = []
    for name, arguments in COMPONENTS.items():
        has_port = arguments[-1] == "--port"
        components.append(_start(logs / f"{name}.log", [*arguments, port] if has_port else arguments))
    while not stopping.is_set() and all(component.poll() is None for component in components):
        time.sleep(0.2)
    for component in components:
        component.terminate()
    return max(abs(component.wait()) for component in components)


if __name__ == "__main__":
    sys.exit(main())

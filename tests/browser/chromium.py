"""`python -m tests.browser.chromium`: print where a Chromium is; where Debian has none yet, root may have it installed.

Playwright would download a browser of its own; the system's is updated with the system.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_APT = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


class NoBrowserError(Exception):
    """There is no browser to test with; the message says what to install."""


def find() -> Path:
    """The browser on PATH. Raises NoBrowserError when there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise NoBrowserError(
        f"no browser: found none of {', '.join(NAMES)} on PATH; install Chromium "
        "(Debian: `apt-get install chromium`) or Google Chrome, and try again"
    )


def find_or_install() -> Path:
    """The browser on PATH, installed first where that is possible. Raises NoBrowserError when it is not."""
    try:
        return find()
    except NoBrowserError:
        if not Path("/etc/debian_version").exists() or not shutil.which("apt-get") or os.geteuid() != 0:
            raise
    print("==> Installing Debian's chromium with apt-get", file=sys.stderr, flush=True)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], check=False, env=_APT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        if done.returncode:
            said = "\n".join(done.stdout.splitlines()[-10:])
            raise NoBrowserError(f"no browser: `apt-get {' '.join(command)}` failed:\n{said}")
    return find()


if __name__ == "__main__":
    try:
        print(find_or_install())
    except NoBrowserError as error:
        sys.exit(str(error))

"""Print the path of Chromium; on Debian, install it first if root runs this: `python -m tests.browser.chromium`.

The tests use the browser of the system, which is updated with the system, and not a download of Playwright.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_APT = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}


class NoBrowserError(Exception):
    """Raised when there is no browser; the message says what to install."""


def find() -> Path:
    """Return the browser on PATH.

    :raises NoBrowserError: when there is none
    """
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise NoBrowserError(
        f"no browser: none of {', '.join(NAMES)} is on PATH; install Chromium "
        "(Debian: `apt-get install chromium`) or Google Chrome, and try again"
    )


def find_or_install() -> Path:
    """Return the browser on PATH; install it first if there is none and this is root on Debian.

    :raises NoBrowserError: when there is none and it cannot be installed
    """
    try:
        return find()
    except NoBrowserError:
        if not Path("/etc/debian_version").exists() or not shutil.which("apt-get") or os.geteuid() != 0:
            raise
    print("==> Installing the package chromium with apt-get", file=sys.stderr, flush=True)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "-qq", *command], check=False, env=_APT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        if done.returncode:
            output = "\n".join(done.stdout.splitlines()[-10:])
            raise NoBrowserError(f"no browser: `apt-get {' '.join(command)}` failed:\n{output}")
    return find()


if __name__ == "__main__":
    try:
        print(find_or_install())
    except NoBrowserError as error:
        sys.exit(str(error))

"""`python -m local.compose.http_check URL`: exit 0 when an HTTP server answers there with a status below 500."""

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 5.0


def status(url: str) -> int:
    """HTTP status of a GET. Raises OSError when there is no answer."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=TIMEOUT_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:  # 401 or 403: it is there, and guards itself
        return error.code


def main() -> None:
    """Ask once."""
    try:
        found = status(sys.argv[1])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    if found >= 500:
        sys.exit(f"{sys.argv[1]}: HTTP {found}")


if __name__ == "__main__":
    main()

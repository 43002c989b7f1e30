"""Exit with 0 if an HTTP server responds with a status below 500: `python -m local.compose.http_check URL`."""

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 5.0


def status(url: str) -> int:
    """Return the HTTP status of a GET.

    :raises OSError: when there is no response
    """
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=TIMEOUT_SECONDS) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:  # such as 401: the server works, and requires a login
        return error.code


def main() -> None:
    """Send one request."""
    try:
        code = status(sys.argv[1])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    if code >= 500:
        sys.exit(f"{sys.argv[1]}: HTTP {code}")


if __name__ == "__main__":
    main()

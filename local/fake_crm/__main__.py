"""Serve the fake CRM until SIGTERM or SIGINT: `python -m local.fake_crm`. CRM_TOKEN has the bearer token.

With CRM_OAUTH_CLIENT (id:secret), /oauth/token issues access tokens that are accepted as well. CRM_CREDENTIAL_HEADERS
(a JSON object) makes the update endpoints expect these headers; CRM_TOKEN is then that of the inspection API only.
"""

import argparse
import asyncio
import json
import math
import os
import signal
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

from local.fake_crm.access.oauth import OAuthClient
from local.fake_crm.fault_profiles import PROFILES, read_fault
from local.fake_crm.faults import NO_FAULT, Fault
from local.fake_crm.server import serving
from local.fake_crm.service import FakeCrm, Options
from local.tls import server_context


def _at_least(minimum: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not minimum <= value < math.inf:
            raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of at least {minimum:g}")
        return value

    return convert


def _fault(text: str) -> Fault:
    try:
        return read_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.fake_crm", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free port)")
    parser.add_argument("--rate", type=_at_least(0.001), metavar="PER_SECOND", help="respond 429 above this rate")
    parser.add_argument("--burst", type=_at_least(1), metavar="N", help="size of a burst (default: the rate)")
    parser.add_argument("--latency-ms", type=_at_least(0), default=0.0, help="latency of an update")
    parser.add_argument("--latency-jitter-ms", type=_at_least(0), default=0.0, help="random extra latency")
    parser.add_argument("--faults", type=_fault, default=NO_FAULT, metavar="JSON|NAME", help="fault, see --list-faults")
    parser.add_argument("--oauth-expires-in", type=_at_least(0.001), default=3600.0, metavar="SECONDS")
    parser.add_argument("--oauth-scope", help="scope that the client must request (default: any)")
    parser.add_argument("--oauth-audience", help="audience that the client must request (default: any)")
    parser.add_argument("--tls-certificate", type=Path, metavar="PEM", help="serve https with this certificate")
    parser.add_argument("--tls-key", type=Path, metavar="PEM", help="its key")
    parser.add_argument("--client-authority", type=Path, metavar="PEM", help="require client certificates of it")
    parser.add_argument("--list-faults", action="store_true", help="list the named faults and exit")
    return parser


def _oauth(parsed: argparse.Namespace) -> OAuthClient | None:
    client_id, _, client_secret = os.environ.get("CRM_OAUTH_CLIENT", "").partition(":")
    if not client_id:
        return None
    return OAuthClient(
        client_id=client_id,
        client_secret=client_secret,
        scope=parsed.oauth_scope,
        audience=parsed.oauth_audience,
        expires_in=parsed.oauth_expires_in,
    )


def _options(parsed: argparse.Namespace, token: str) -> Options:
    headers = os.environ.get("CRM_CREDENTIAL_HEADERS")
    return Options(
        token=token,
        credential_headers=json.loads(headers) if headers else None,
        oauth=_oauth(parsed),
        rate=parsed.rate,
        burst=parsed.burst,
        latency_ms=parsed.latency_ms,
        latency_jitter_ms=parsed.latency_jitter_ms,
        fault=parsed.faults,
    )


def _tls(parsed: argparse.Namespace) -> ssl.SSLContext | None:
    if parsed.tls_certificate is None:
        return None
    return server_context(parsed.tls_certificate, parsed.tls_key, parsed.client_authority)


async def _serve(options: Options, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(FakeCrm(options), host, port, tls) as url:
        print(json.dumps({"url": url}), flush=True)
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """Serve the fake CRM; return the exit status.

    :param arguments: the command line without the program name; None reads `sys.argv`
    """
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.list_faults:
        width = max(map(len, PROFILES))
        print("\n".join(f"{name:{width}}  {profile.what}" for name, profile in PROFILES.items()))
        return 0
    token = os.environ.get("CRM_TOKEN", "")
    if not token.strip():
        parser.error("the environment variable CRM_TOKEN is empty; set it to the bearer token that clients send")
    try:
        asyncio.run(_serve(_options(parsed, token.strip()), parsed.host, parsed.port, _tls(parsed)))
    except OSError as error:
        print(f"local.fake_crm: cannot listen on {parsed.host}:{parsed.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The stack's secrets: made once, kept in an ignored file that only its owner can read, and read by Compose."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _word() -> str:
    return secrets.token_hex(16)  # fit for a URL, a shell and a .env file as it is


# Every variable that docker-compose.yaml demands.
MAKERS: dict[str, Callable[[], str]] = {
    "ENGAGEMENT_DATABASE_PASSWORD": _word,
    "ENGAGEMENT_FERNET_KEY": _fernet_key,
    "ENGAGEMENT_API_SECRET_KEY": _word,
    "ENGAGEMENT_JWT_SECRET": lambda: secrets.token_hex(64),
    "ENGAGEMENT_LOGIN_PASSWORD": _word,
    "ENGAGEMENT_CRM_TOKEN": _word,
}


def read(path: Path) -> dict[str, str]:
    """The NAME=value lines of an env file; empty when there is none."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def ensure(path: Path) -> dict[str, str]:
    """Add what is missing to the env file and give all of it.

    What is there stays: the database was made with its password, and ports may have been chosen by hand.
    """
    found = read(path)
    missing = {name: make() for name, make in MAKERS.items() if not found.get(name)}
    path.touch(mode=0o600)
    path.chmod(0o600)
    if missing:
        before = path.read_text()
        lines = "".join(f"{name}={value}\n" for name, value in missing.items())
        path.write_text(before + ("\n" if before and not before.endswith("\n") else "") + lines)
    return found | missing

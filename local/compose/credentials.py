"""The secrets of the stack: generated once, in a file for Compose that Git ignores and only its owner can read."""

import base64
import secrets
from collections.abc import Callable
from pathlib import Path


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _hex_token() -> str:
    return secrets.token_hex(16)  # needs no quoting in URLs, shells and .env files


# All variables that docker-compose.yaml requires.
GENERATORS: dict[str, Callable[[], str]] = {
    "ENGAGEMENT_DATABASE_PASSWORD": _hex_token,
    "ENGAGEMENT_FERNET_KEY": _fernet_key,
    "ENGAGEMENT_API_SECRET_KEY": _hex_token,
    "ENGAGEMENT_JWT_SECRET": lambda: secrets.token_hex(64),
    "ENGAGEMENT_LOGIN_PASSWORD": _hex_token,
    "ENGAGEMENT_CRM_TOKEN": _hex_token,
}


def read(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of an env file, or an empty dict if there is no file."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


def ensure(path: Path) -> dict[str, str]:
    """Add missing secrets to the env file; return all its variables.

    Existing lines remain: the database was created with its password, and ports may have been set by hand.
    """
    variables = read(path)
    missing = {name: generate() for name, generate in GENERATORS.items() if not variables.get(name)}
    path.touch(mode=0o600)
    path.chmod(0o600)
    if missing:
        before = path.read_text()
        lines = "".join(f"{name}={value}\n" for name, value in missing.items())
        path.write_text(before + ("\n" if before and not before.endswith("\n") else "") + lines)
    return variables | missing

"""The CRM token and the request header that carries it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from engagement_jobs.contract.errors import SecretError

_MEMBERS = ("token", "header", "scheme")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)
# The messages contain no value of the secret, because they are shown.
_EXPECTED: Final = (
    'expected the CRM secret to be a bare token or a JSON object {"token": "...", "header": "...", "scheme": "..."} '
    "of printable text"
)
_JSON_KINDS: Final = {list: "an array", str: "a string", bool: "a boolean", dict: "an object", type(None): "null"}


@dataclass(frozen=True, repr=False)
class Credential:
    """The CRM token and its header. The repr does not show the token.

    :param token: the secret value
    :param header: name of the request header
    :param scheme: word before the token in the header value, such as `Bearer`; may be empty
    """

    token: str
    header: str = "Authorization"
    scheme: str = "Bearer"

    @classmethod
    def from_secret(cls, text: str) -> Self:
        """Parse the text of the secret.

        :param text: the bare token, or a JSON object `{"token", "header"?, "scheme"?}`
        :raises SecretError: the text is in neither format
        """
        is_json = text.lstrip().startswith(("{", "[", '"'))
        values = _parse_object(text) if is_json else {"token": text.strip()}
        fault = next((f'"{name}" {fault}' for name in values if (fault := _fault(name, values[name]))), None)
        if fault is not None:
            raise SecretError(f"{_EXPECTED}, got a {'JSON object' if is_json else 'text'} in which {fault}")
        return cls(**values)

    def header_value(self) -> str:
        """Return the value of the request header."""
        return f"{self.scheme} {self.token}" if self.scheme else self.token


def _parse_object(text: str) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        # Without the cause, because it quotes the text.
        raise SecretError(f"{_EXPECTED}, got a text that begins like JSON and does not parse") from None
    if not isinstance(document, dict):
        raise SecretError(f"{_EXPECTED}, got JSON that is {_kind(document)}")
    if "token" not in document:
        raise SecretError(f'{_EXPECTED}, got a JSON object without "token"')
    return {name: document[name] for name in _MEMBERS if name in document}


def _fault(name: str, value: object) -> str | None:
    """Return what is wrong with a member of the secret, without its value; None if nothing is."""
    if not isinstance(value, str):
        return f"is {_kind(value)}"
    if not value.isprintable():
        return "has line breaks or control characters"
    if name == "token" and not value.strip():
        return "is empty"
    return "is not the name of a header" if name == "header" and not _HEADER_NAME.fullmatch(value) else None


def _kind(value: object) -> str:
    return _JSON_KINDS.get(type(value), "a number")

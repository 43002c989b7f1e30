"""The CRM token and the request header that carries it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Self

from engagement_jobs.contract.errors import SecretError


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
        :raises json.JSONDecodeError: the text starts with `{` but is not JSON
        """
        document = json.loads(text) if text.lstrip().startswith("{") else {"token": text.strip()}
        values = {name: document[name] for name in ("token", "header", "scheme") if name in document}
        all_printable = all(isinstance(value, str) and value.isprintable() for value in values.values())
        if not all_printable or not values.get("token"):
            # The message contains no value, because it may be logged.
            raise SecretError(
                'expected the CRM secret to be a bare token or {"token": "...", "header": "...", "scheme": "..."} '
                "of printable text"
            )
        return cls(**values)

    def header_value(self) -> str:
        """Return the value of the request header."""
        return f"{self.scheme} {self.token}" if self.scheme else self.token

"""Certificates and keys in PEM as they come out of a secret."""

from __future__ import annotations

import base64
import binascii
import re
import textwrap

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
# What a form with one line, or a second quoting, makes of line breaks.
_LINE_BREAKS = re.compile(r"\\r|\\n|\s")
_LINE = 64
_ENCRYPTED = "ENCRYPTED"


def repair_certificates(text: str) -> str:
    """Return the certificates of a text with their line breaks restored.

    :raises ValueError: what is wrong, without a part of the text
    """
    blocks = _blocks(text)
    if any(label.endswith("PRIVATE KEY") for label, _ in blocks):
        raise ValueError('contains a private key, which belongs into "client_key"')
    certificates = [block for block in blocks if block[0] == "CERTIFICATE"]
    if not certificates:
        raise ValueError("contains no -----BEGIN CERTIFICATE----- with its end")
    return "".join(_format(label, body) for label, body in certificates)


def repair_key(text: str) -> str:
    """Return the private key of a text with its line breaks restored.

    :raises ValueError: what is wrong, without a part of the text
    """
    keys = [block for block in _blocks(text) if block[0].endswith("PRIVATE KEY")]
    if len(keys) != 1:
        raise ValueError(
            f"contains {len(keys)} private keys, expected one, from -----BEGIN PRIVATE KEY----- to its end"
        )
    [(label, body)] = keys
    if _ENCRYPTED in label or _ENCRYPTED in body:
        raise ValueError("is encrypted; store the key without a passphrase (openssl pkey -in KEY -out NEW_KEY)")
    return _format(label, body)


def _blocks(text: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _BLOCK.finditer(text)]


def _format(label: str, body: str) -> str:
    encoded = _LINE_BREAKS.sub("", body)
    try:
        base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ValueError("is damaged: what is between BEGIN and END is not base64") from None
    lines = "\n".join(textwrap.wrap(encoded, _LINE))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"

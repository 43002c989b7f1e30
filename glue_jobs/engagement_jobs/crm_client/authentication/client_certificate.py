"""Loading of a client certificate into a TLS context."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from engagement_jobs.contract.errors import SecretError
from engagement_jobs.crm_client.authentication.secret import ClientCertificate

# In memory on Linux, so that the key never reaches a disk.
_MEMORY = Path("/dev/shm")  # noqa: S108 - in it, a folder of its own is created


def load_client_certificate(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Give a TLS context the certificate and its key.

    OpenSSL reads them from a file only. It has the mode 0600 and is deleted before this function returns or raises.

    :raises SecretError: OpenSSL does not accept the two; the text contains no part of them
    """
    with tempfile.TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600, exist_ok=False)
        path.write_text(certificate.certificate + certificate.key, encoding="ascii")
        try:
            # Without a password, OpenSSL would wait for one on the terminal.
            context.load_cert_chain(path, password="")
        except ssl.SSLError as error:
            # Without the first error, whose text may name the file.
            raise SecretError(_problem(getattr(error, "reason", None))) from None


def _problem(reason: str | None) -> str:
    if reason == "KEY_VALUES_MISMATCH":
        return '"client_key" of the CRM secret is not the key of "client_certificate"'
    what = reason or "an error"
    return f'"client_certificate" or "client_key" of the CRM secret is damaged or too weak: OpenSSL reports {what}'

"""What the CRM secret contains, after it was read and checked. No repr shows a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class ClientCertificate:
    """A client certificate.

    :param certificate: PEM of the certificate and of those between it and its authority
    :param key: PEM of its private key
    """

    certificate: str
    key: str


@dataclass(frozen=True, repr=False)
class ClientCredentials:
    """What the job sends to the token endpoint of OAuth 2.0 (RFC 6749, section 4.4).

    :param in_body: whether id and secret are in the body; otherwise they are in the header, with the scheme Basic
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str = ""
    audience: str = ""
    in_body: bool = False


@dataclass(frozen=True, repr=False)
class ProxyUser:
    """User name and password for the proxy."""

    name: str
    password: str


@dataclass(frozen=True, repr=False)
class CrmSecret:
    """The content of the CRM secret.

    :param headers: name and value of the headers that carry the credential; none with OAuth, or a certificate alone
    """

    headers: tuple[tuple[str, str], ...] = ()
    oauth: ClientCredentials | None = None
    certificate: ClientCertificate | None = None
    proxy_user: ProxyUser | None = None

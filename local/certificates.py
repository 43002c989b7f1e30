"""Certificates and authorities for servers on the loopback interface and for their clients."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from local import tls

PEM = serialization.Encoding.PEM
TODAY = (-1, 1)


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def authority(name: str, issuer: Issued | None = None) -> Issued:
    """Return a root authority, or an intermediate one of the same organization if it has an issuer."""
    return _sign(name, issuer, TODAY, [x509.BasicConstraints(ca=True, path_length=None)], organization(issuer) or name)


def organization(authority: Issued | None) -> str | None:
    """Return the organization of an authority."""
    names = authority.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME) if authority else []
    return str(names[0].value) if names else None


def issue(
    host: str,
    issuer: Issued | None = None,
    days: tuple[int, int] = TODAY,
    issuer_url: str | None = None,
    other_hosts: Sequence[str] = (),
) -> Issued:
    """Return the certificate of a server or a client, self-signed without an issuer.

    :param host: name or address; any name for a client
    :param days: first and last day of its validity, counted from now
    :param issuer_url: where the certificate of the issuer is, which public authorities name
    :param other_hosts: further names and addresses of the server
    """
    names = [_general_name(each) for each in (host, *other_hosts)]
    extensions: list[x509.ExtensionType] = [x509.SubjectAlternativeName(names)]
    if issuer_url:
        place = x509.UniformResourceIdentifier(issuer_url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, place)
        extensions.append(x509.AuthorityInformationAccess([access]))
    return _sign(host, issuer, days, extensions)


def _general_name(host: str) -> x509.GeneralName:
    if host.replace(".", "").isdecimal():
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _sign(
    name: str,
    issuer: Issued | None,
    days: tuple[int, int],
    extensions: Sequence[x509.ExtensionType],
    organization: str | None = None,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    subject = x509.Name(attributes)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject if issuer else subject, subject, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return Issued(builder.sign(issuer.key if issuer else key, hashes.SHA256()), key)


def pem(*issued: Issued) -> bytes:
    """Return certificates in PEM form."""
    return b"".join(each.certificate.public_bytes(PEM) for each in issued)


def key_pem(issued: Issued) -> bytes:
    """Return the private key of a certificate in PEM form (PKCS 8, not encrypted)."""
    return issued.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def write(path: Path, *issued: Issued) -> Path:
    """Write certificates in PEM form."""
    path.write_bytes(pem(*issued))
    return path


def write_key(path: Path, issued: Issued) -> Path:
    """Write the private key of a certificate in PEM form, readable by its owner only."""
    path.touch(0o600)
    path.write_bytes(key_pem(issued))
    return path


def server_context(
    folder: Path, server: Issued, *others: Issued, client_authority: Issued | None = None
) -> ssl.SSLContext:
    """Return the TLS context of a server that sends its own certificate and these others.

    :param folder: where the certificates and the key are written
    :param client_authority: require certificates of this authority from clients
    """
    chain, key = write(folder / "chain.pem", server, *others), write_key(folder / "key.pem", server)
    authorities = write(folder / "client-authority.pem", client_authority) if client_authority else None
    return tls.server_context(chain, key, authorities)

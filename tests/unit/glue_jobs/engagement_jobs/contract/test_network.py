"""The choice of the proxy and the trusted certificates. The Airflow side has the same module."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from engagement_jobs.contract.network import check_no_proxy, check_proxy_url, choose_proxy, tls_context

PROXY = "http://proxy.example:3128"
CRM = "https://crm.example.com/api"


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        (CRM, "crm.example.com"),
        (CRM, "other.example, CRM.Example.COM"),
        (CRM, "example.com"),
        (CRM, ".example.com"),
        (CRM, "*.example.com"),
        (CRM, "crm.example.com."),
        ("https://CRM.example.com./api", "crm.example.com"),
        (CRM, "*"),
        (CRM, "crm.example.com:443"),
        ("http://crm.example.com", ".example.com:80"),
        ("https://crm.example.com:8443", "example.com:8443,"),
        ("https://bücher.example", "xn--bcher-kva.example"),
        ("https://10.1.2.3", "10.1.2.3"),
        ("https://10.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3", "10.1.2.99/24"),
        ("https://10.1.2.3:8443", "10.1.2.3:8443"),
        ("https://[fd00::1]", "fd00::/8"),
        ("https://[fd00::1]", "fd00:0::1"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_a_matching_entry_means_no_proxy(url: str, no_proxy: str) -> None:
    check_no_proxy(no_proxy)
    assert choose_proxy(url, PROXY, no_proxy) is None


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        (CRM, ""),
        (CRM, ","),
        (CRM, "other.example"),
        (CRM, "www.crm.example.com"),
        (CRM, "rm.example.com"),
        (CRM, "crm.example.com:8443"),
        (CRM, "10.0.0.0/8"),
        ("http://crm.example.com", "crm.example.com:443"),
        ("https://11.1.2.3", "10.0.0.0/8"),
        ("https://10.1.2.3", "3.example"),
        ("https://[fe80::1]", "fd00::/8,10.0.0.0/8"),
        ("https://[::1]", "[::1]:8443"),
    ],
)
def test_without_a_matching_entry_the_proxy_is_used(url: str, no_proxy: str) -> None:
    check_no_proxy(no_proxy)
    assert choose_proxy(url, "HTTP://Proxy.example:3128/", no_proxy) == PROXY
    assert choose_proxy(url, "", no_proxy) is None


@pytest.mark.parametrize(
    "text",
    ["http://proxy:3128", "HTTPS://Proxy.example.com:443/", "http://10.0.0.1:8080", "http://[fd00::1]:3128"],
)
def test_the_url_of_a_proxy_has_host_and_port(text: str) -> None:
    check_proxy_url(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "none", "proxy:3128", "socks5://proxy:1080", "http://proxy", "http://proxy:", "http://proxy:99999"),
        *("http://proxy:0", "http://user:pw@proxy:3128", "http://proxy:3128/path", "http://proxy:3128?a=b"),
        *("http://proxy:3128#a", "http://a..b:3128", "http://999.1.1.1:3128", "http://pro xy:3128", "http://:3128"),
    ],
)
def test_another_text_is_no_url_of_a_proxy(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller writes the message
        check_proxy_url(text)


@pytest.mark.parametrize(
    "entry",
    [
        *("http://crm.example.com", "crm.example.com/api", "crm example", "crm:0", "crm:99999", "crm:https", "a..b"),
        *("10.0.0.0/33", "10.0.0.0/8:443", "2.3", "999.1.1.1", "[::1", "[crm]", "*crm", "crm*", "**", "user@crm", "-"),
    ],
)
def test_an_unusable_entry_is_refused(entry: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller writes the message
        check_no_proxy(f"good.example, {entry}")


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> None:
    """Connect both contexts in memory, as `crm.example`."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname="crm.example"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    while ends:
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                continue


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


ROOT, OTHER = trustme.CA(), trustme.CA()


def server(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("crm.example").configure_cert(context)
    return context


@pytest.mark.parametrize(
    ("authority", "ca_pem"),
    [
        (ROOT, pem(ROOT)),
        (ROOT, "Unsere Behörden\n" + pem(OTHER) + "\n# second\n" + pem(ROOT)),
        (ROOT.create_child_ca(), pem(ROOT)),
    ],
)
def test_certificates_of_named_authorities_are_trusted(authority: trustme.CA, ca_pem: str) -> None:
    handshake(tls_context(ca_pem), server(authority))


def test_an_intermediate_authority_can_be_named_alone() -> None:
    intermediate = ROOT.create_child_ca()
    handshake(tls_context(pem(intermediate)), server(intermediate))


@pytest.mark.parametrize("ca_pem", [None, pem(OTHER)])
def test_certificates_of_other_authorities_are_refused(ca_pem: str | None) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls_context(ca_pem), server(ROOT))


def test_the_authorities_of_the_system_stay_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, paths = tmp_path / "system.pem", ssl.get_default_verify_paths()
    file.write_text(pem(ROOT))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(openssl_cafile=str(file)))
    for ca_pem in (None, pem(OTHER)):
        handshake(tls_context(ca_pem), server(ROOT))


def test_the_environment_adds_no_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_text(pem(ROOT))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "root.pem"))
    handshake(ssl.create_default_context(), server(ROOT))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tls_context(None), server(ROOT))


def test_an_authority_without_modern_extensions_is_trusted() -> None:
    """Python 3.13 sets this flag by default; then certificates without a key identifier are refused."""
    flags = tls_context(None).verify_flags
    assert not flags & ssl.VERIFY_X509_STRICT
    assert flags & ssl.VERIFY_X509_PARTIAL_CHAIN


@pytest.mark.parametrize(
    "ca_pem",
    [
        "",
        "no certificate",
        "ÄÖÜ",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        pem(ROOT) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_a_text_without_valid_certificates_is_refused(ca_pem: str) -> None:
    with pytest.raises(ValueError, match="expected certificates in PEM"):
        tls_context(ca_pem)

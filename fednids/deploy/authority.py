"""The federation's own certificate authority, and the certificate of its server."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fednids.errors import SetupError

AUTHORITY_DAYS = 3650
"""How long gateways trust the authority."""

SERVER_DAYS = 365
"""How long they trust a server certificate, unless asked for otherwise."""

_CLOCKS_DIFFER = timedelta(minutes=5)
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Signed:
    """A certificate with the key that belongs to it.

    Attributes
    ----------
    certificate, key : bytes
        Both PEM; the key is secret and has no passphrase.
    """

    certificate: bytes
    key: bytes


def create_authority(name: str) -> Signed:
    """Make an authority that signs certificates of servers and nothing below them.

    Parameters
    ----------
    name : str
        Common name; it only tells authorities apart.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    subject, now = _name(name), datetime.now(UTC)
    builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
    usage = _usage(key_cert_sign=True, crl_sign=True)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA384())
    )
    return Signed(certificate.public_bytes(Encoding.PEM), _pem(key))


def issue_server(
    authority: Signed, hosts: Sequence[str], *, days: float = SERVER_DAYS, key: bytes | None = None
) -> Signed:
    """Sign a certificate for a server.

    Parameters
    ----------
    authority : Signed
        From `create_authority`.
    hosts : Sequence[str]
        DNS names and IP addresses that gateways reach it by; this machine's own names for
        itself are added, for the operator's commands beside the server.
    days : float
        How long it is good, from now; 0 or less makes one that has expired.
    key : bytes, optional
        The server's key as PEM, for a renewal; a new one without.

    Raises
    ------
    SetupError
        The authority or the key is no PEM of an elliptic curve.
    """
    signer, private = _load(authority.key), _load(key) if key else None
    private = private or ec.generate_private_key(ec.SECP384R1())
    parent = read_certificate(authority.certificate)
    names = list(dict.fromkeys([*hosts, *_LOCAL]))
    builder = _builder(
        _name(hosts[0]), parent.subject, private.public_key(), datetime.now(UTC), days
    )
    authorised = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = (
        builder.add_extension(x509.SubjectAlternativeName(list(map(_host, names))), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(authorised, critical=False)
        .sign(signer, hashes.SHA384())
    )
    return Signed(certificate.public_bytes(Encoding.PEM), _pem(private))


def read_certificate(pem: bytes) -> x509.Certificate:
    """Read a certificate.

    Raises
    ------
    SetupError
        It is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise SetupError(
            "expected a certificate as PEM, got something else; copy the file again from where "
            "`fednids deploy init` wrote it"
        ) from None


def days_left(certificate: bytes) -> float:
    """Return for how many days a certificate is still valid; negative where it has expired."""
    left = read_certificate(certificate).not_valid_after_utc - datetime.now(UTC)
    return left / timedelta(days=1)


def is_address(host: str) -> bool:
    """Return whether a host is an IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine and not reachable from others."""
    return host == "localhost" or (is_address(host) and ipaddress.ip_address(host).is_loopback)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    days: float,
) -> x509.CertificateBuilder:
    end = now + timedelta(days=days)
    begin = min(now, end) - _CLOCKS_DIFFER
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common[:64])])


def _host(host: str) -> x509.GeneralName:
    if is_address(host):
        return x509.IPAddress(ipaddress.ip_address(host))
    return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SetupError(
            "expected a key of an elliptic curve as PEM, got something else; copy the file again "
            "from where `fednids deploy init` wrote it"
        )
    return key

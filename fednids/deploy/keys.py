"""The key pair of each gateway, by which the server knows it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)

from fednids.deploy.private import check_private, write_private
from fednids.errors import SetupError


def create_keys(private: Path, public: Path) -> None:
    """Write an EC P-384 pair in OpenSSH's form, as Flower reads it.

    Raises
    ------
    SetupError
        One of the files is there already; neither is changed then.
    """
    for path in (private, public):
        if path.exists():
            raise SetupError(
                f"expected no {path} yet, got one; keys are never overwritten, move it away first"
            )
    key = ec.generate_private_key(ec.SECP384R1())
    write_private(private, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH))


def check_key(private: Path) -> None:
    """Check that a gateway's private key can be used.

    Raises
    ------
    SetupError
        It is missing, readable by others, or no EC P-384 key in OpenSSH's form.
    """
    check_private(private)
    try:
        key: object = load_ssh_private_key(private.read_bytes(), password=None)
    except (ValueError, TypeError):
        key = None
    if not (isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name == "secp384r1"):
        raise SetupError(
            f"expected an EC P-384 key in OpenSSH's form in {private}, got something else; copy "
            "it again from where `fednids deploy init` wrote it"
        )


def fingerprint(public: Path) -> str:
    """Return the SHA-256 of a public key, as hex.

    Raises
    ------
    SetupError
        There is none, or it is damaged.
    """
    try:
        key = load_ssh_public_key(public.read_bytes())
    except (OSError, ValueError) as error:
        raise SetupError(
            f"expected a public key in OpenSSH's form in {public}, got {_one_line(error)}; write "
            "it anew with ssh-keygen -y, or move the pair away and run `fednids deploy init` again"
        ) from None
    content = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return hashlib.sha256(content).hexdigest()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:100]

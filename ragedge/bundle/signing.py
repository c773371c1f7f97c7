"""Who made a bundle: Ed25519 (RFC 8032) over its manifest. Trusted public keys are always named by the caller."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge.errors import BundleError
from ragedge.extras import require

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNATURE_BYTES = 64
# Bound in, so that a signature made for anything else never fits a manifest.
_CONTEXT = b"ragedge bundle manifest 1\0"
_MOST_KEY_BYTES = 10_000


def make_key(private: Path) -> tuple[Path, str]:
    """Write a new private key (PEM, mode 0600), and its public key beside it with ``.pub``; return that and its id.

    Raises:
        BundleError: one of the files is there already, or cannot be written.
    """
    require("bundle", "cryptography")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = private.with_name(f"{private.name}.pub")
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    shown = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for path, content, mode in ((private, secret, 0o600), (public, shown, 0o644)):
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
        except OSError as exc:
            raise BundleError(f"{path} cannot be made: {exc.strerror}", hint="name another file") from exc
    return public, key_id(key.public_key())


def key_id(key: Ed25519PublicKey) -> str:
    """Return what tells a public key from others: the first 16 characters of its sha256."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def read_private(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        BundleError: it is none.
    """
    require("bundle", "cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_content(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{path} is no private key of Ed25519", hint="ragedge bundle key FILE makes one")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """Read a public key.

    Raises:
        BundleError: it is none.
    """
    require("bundle", "cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_content(path))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError(
            f"{path} is no public key of Ed25519", hint="take the .pub file that ragedge bundle key wrote"
        )
    return key


def sign(key: Ed25519PrivateKey, manifest: bytes) -> bytes:
    """Return the signature of a manifest, SIGNATURE_BYTES long."""
    return key.sign(_CONTEXT + manifest)


def signer(trusted: Sequence[Ed25519PublicKey], manifest: bytes, signature: bytes) -> str | None:
    """Return the id of the trusted key that signed a manifest; None if none did."""
    from cryptography.exceptions import InvalidSignature

    for key in trusted:
        try:
            key.verify(signature, _CONTEXT + manifest)
        except InvalidSignature:
            continue
        return key_id(key)
    return None


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_KEY_BYTES)
    except OSError as exc:
        raise BundleError(f"the key {path} cannot be read: {exc.strerror}", hint="check its path") from exc

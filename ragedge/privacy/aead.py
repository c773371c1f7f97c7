"""AES-256-GCM with a random nonce: sealed bytes open whole, under their key and context, or not at all."""

from __future__ import annotations

import secrets

_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2; far from 2**32 messages under one key


def seal(key: bytes, data: bytes | memoryview, context: bytes) -> bytes:
    """Return nonce and ciphertext; ``context`` is bound in, and not stored."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def unseal(key: bytes, sealed: bytes | memoryview, context: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        ValueError: another key, another context, or changed bytes.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(bytes(sealed[:_NONCE_BYTES]), sealed[_NONCE_BYTES:], context)
    except InvalidTag:
        raise ValueError("not sealed under this key") from None

"""A key store on the system's keyring: Secret Service, macOS Keychain, Windows Credential Locker."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from ragedge.errors import ConfigError, LockedError
from ragedge.privacy.aead import seal, unseal

_SERVICE = "ragedge"
_USER = "knowledge bases"
_CONTEXT = b"root key"


class KeyringStore:
    """Wraps keys with one that the system's keyring keeps (AES-256-GCM)."""

    def wrap(self, key: bytes, /) -> bytes:
        """Encrypt a key; makes the keyring's entry on first use.

        Raises:
            LockedError: there is no keyring, or it refuses.
        """
        return seal(_own_key(create=True), key, _CONTEXT)

    def unwrap(self, wrapped: bytes, /) -> bytes:
        """Return what ``wrap`` was given.

        Raises:
            LockedError: there is no keyring, it refuses, or the key was wrapped under another entry.
        """
        try:
            return unseal(_own_key(create=False), wrapped, _CONTEXT)
        except ValueError:
            raise LockedError(
                "the keyring's entry is not the one that the key was wrapped under",
                hint="unlock as the user who encrypted it, on the same device",
            ) from None


def create(options: Mapping[str, Any]) -> KeyringStore:
    """Make the store; it takes no options.

    Raises:
        ConfigError: an option is given.
        LockedError: the keyring package is not installed.
    """
    if options:
        raise ConfigError(f"the keyring store takes no options, got {', '.join(options)}")
    _keyring()
    return KeyringStore()


def _own_key(*, create: bool) -> bytes:
    keyring = _keyring()
    try:
        kept = keyring.get_password(_SERVICE, _USER)
        if kept is None and create:
            kept = secrets.token_hex(32)
            keyring.set_password(_SERVICE, _USER, kept)
    except keyring.errors.KeyringError as exc:
        raise LockedError(
            f"the system's keyring refuses: {type(exc).__name__}", hint="use --passphrase-file or --key-file"
        ) from exc
    if kept is None:
        raise LockedError(
            "the system's keyring holds no key of ragedge", hint="unlock as the user who encrypted it"
        )
    return bytes.fromhex(kept)


def _keyring() -> Any:
    try:
        import keyring
        import keyring.errors
    except ImportError as exc:
        raise LockedError(
            "the keyring package is not installed", hint="pip install 'ragedge[keyring]'"
        ) from exc
    return keyring

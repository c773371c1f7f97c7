"""Keys of an encrypted knowledge base: one root key, wrapped by what unlocks it.

::

    passphrase ─ scrypt ─┐
    key file ── HMAC ────┼─▶ wrapping key ─ AES-256-GCM ─▶ root key ─┬─ HMAC "database" ─▶ SQLCipher
    key store (plugin) ──────── wrap, unwrap ──────────────┘         └─ HMAC "files" ────▶ AES-256-GCM

``kb.keys`` holds the wrapped root key and nothing secret. Its own digest tells a damaged file from a wrong
key. While the root key is being changed it holds two wrapped keys, and whichever opens the database counts.
scrypt is RFC 7914; its cost (2**16, 8, 1: 64 MB, about 0.2 s) stands in the file, so it can be raised later.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragedge.errors import DamagedError, LockedError
from ragedge.privacy.aead import seal, unseal

if TYPE_CHECKING:
    from ragedge.protocols import KeyStore

KEYS = "kb.keys"
KEY_BYTES = 32
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**16, 8, 1
# A file that asks for more memory than this is refused, not obeyed: 1 GB.
_MOST_SCRYPT_BYTES = 2**30
_LEAST_KEY_FILE_BYTES = 32
_MOST_KEY_FILE_BYTES = 1 << 20

Key = str | bytes | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Secret:
    """What unlocks a knowledge base.

    Attributes:
        kind: A passphrase, the content of a key file, or the name of a key store plugin.
        value: Its bytes; never shown.
    """

    kind: Literal["passphrase", "key_file", "key_store"]
    value: bytes

    def __repr__(self) -> str:
        return f"Secret({self.kind})"

    @classmethod
    def of(cls, key: Key) -> Secret:
        """Take a passphrase (text), key material (bytes), or the path of a key file.

        Raises:
            LockedError: it is empty or too short, or the file cannot be read.
        """
        if isinstance(key, str):
            if not key:
                raise LockedError("the passphrase is empty", hint="give one with --passphrase-file")
            return cls("passphrase", key.encode())
        if isinstance(key, bytes):
            return cls._material(key, "the key")
        path = Path(key)
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_KEY_FILE_BYTES + 1)
        except OSError as exc:
            raise LockedError(f"the key file {path} cannot be read", hint="check --key-file") from exc
        return cls._material(content, f"the key file {path}")

    @classmethod
    def _material(cls, content: bytes, named: str) -> Secret:
        if not _LEAST_KEY_FILE_BYTES <= len(content) <= _MOST_KEY_FILE_BYTES:
            raise LockedError(
                f"{named} has {len(content)} bytes; {_LEAST_KEY_FILE_BYTES} to {_MOST_KEY_FILE_BYTES} are allowed",
                hint="make one with: head -c 32 /dev/urandom > ragedge.key",
            )
        return cls("key_file", content)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The content of ``kb.keys``.

    Attributes:
        kb_id: Names the knowledge base; bound into what is wrapped.
        wrapped: The root key as it is in use.
        successor: The one that a change under way is bringing in; None at rest.
    """

    kb_id: str
    wrapped: Mapping[str, Any]
    successor: Mapping[str, Any] | None = None

    @classmethod
    def make(cls, secret: Secret) -> tuple[KeyFile, bytes]:
        """Make a root key and wrap it; return both."""
        kb_id, root = secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)
        return cls(kb_id, wrap(secret, root, kb_id)), root

    @classmethod
    def parse(cls, data: bytes) -> KeyFile:
        """Read the file.

        Raises:
            DamagedError: it is not what was written.
        """
        try:
            content = json.loads(data)
            digest = content.pop("sha256")
            if digest != _digest(content) or content["version"] != 1:
                raise ValueError
            return cls(content["id"], content["wrapped"], content.get("successor"))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise DamagedError(
                f"{KEYS} is damaged: without it nothing in the folder can be read",
                hint=f"restore {KEYS} from a copy",
            ) from exc

    def as_bytes(self) -> bytes:
        """Return the file's content."""
        content: dict[str, Any] = {"version": 1, "id": self.kb_id, "wrapped": dict(self.wrapped)}
        if self.successor is not None:
            content["successor"] = dict(self.successor)
        return json.dumps({**content, "sha256": _digest(content)}, indent=1).encode()

    def unlock(self, secret: Secret | None) -> list[bytes]:
        """Return the root key, and the one that may have succeeded it.

        Args:
            secret: None asks the key store that the file names.

        Raises:
            LockedError: a secret is needed, or it is the wrong one.
        """
        return [unwrap(secret, one, self.kb_id) for one in (self.wrapped, self.successor) if one is not None]


def wrap(secret: Secret, root: bytes, kb_id: str) -> dict[str, Any]:
    """Wrap a root key."""
    if secret.kind == "key_store":
        name = secret.value.decode()
        return {"kind": "key_store", "name": name, "key": key_store(name).wrap(root).hex()}
    header: dict[str, Any] = {"kind": secret.kind}
    if secret.kind == "passphrase":
        header |= {"salt": secrets.token_hex(16), "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P}
    sealed = seal(_wrapping_key(secret, header, kb_id), root, _bound(header, kb_id))
    return {**header, "key": sealed.hex()}


def unwrap(secret: Secret | None, wrapped: Mapping[str, Any], kb_id: str) -> bytes:
    """Return the root key.

    Raises:
        LockedError: no secret was given, one of another kind, or the wrong one.
    """
    kind = wrapped.get("kind")
    if kind == "key_store":
        return key_store(str(wrapped["name"])).unwrap(bytes.fromhex(wrapped["key"]))
    hint = (
        "give its --key-file" if kind == "key_file" else "give --passphrase-file, or set $RAGEDGE_PASSPHRASE"
    )
    if secret is None:
        raise LockedError("the knowledge base is encrypted, and no key was given", hint=hint)
    if secret.kind != kind:
        raise LockedError(f"the knowledge base is unlocked by a {kind}, not by a {secret.kind}", hint=hint)
    header = {key: value for key, value in wrapped.items() if key != "key"}
    try:
        return unseal(
            _wrapping_key(secret, header, kb_id), bytes.fromhex(wrapped["key"]), _bound(header, kb_id)
        )
    except ValueError:
        raise LockedError(f"the {kind.replace('_', ' ')} is wrong", hint=hint) from None


def key_store(name: str) -> KeyStore:
    """Build a key store plugin."""
    from ragedge import plugins

    built: KeyStore = plugins.create("key_store", name)
    return built


def derive(root: bytes, purpose: str) -> bytes:
    """Return a key for one purpose (32 bytes): the expand step of RFC 5869, whose input is uniform already."""
    return hmac.digest(root, f"ragedge {purpose}".encode() + b"\x01", "sha256")


def _wrapping_key(secret: Secret, header: Mapping[str, Any], kb_id: str) -> bytes:
    if secret.kind == "key_file":
        return hmac.digest(bytes.fromhex(kb_id), secret.value, "sha256")
    n, r, p = (int(header[key]) for key in ("n", "r", "p"))
    if 128 * n * r > _MOST_SCRYPT_BYTES:
        raise DamagedError(f"{KEYS} asks for an unlikely cost", hint=f"restore {KEYS} from a copy")
    return hashlib.scrypt(
        secret.value, salt=bytes.fromhex(header["salt"]), n=n, r=r, p=p,
        maxmem=2 * _MOST_SCRYPT_BYTES - 1, dklen=KEY_BYTES,
    )  # fmt: skip


def _bound(header: Mapping[str, Any], kb_id: str) -> bytes:
    return json.dumps([kb_id, header], sort_keys=True).encode()


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

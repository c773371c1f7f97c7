"""What is kept of an audit log outside of it, in ``<home>/audit``: its key, and its sealed head.

The log lies in the knowledge base. Of a plain one the key lies here, readable by its owner alone: who gets at the
folder only (a card, a share, a copy) can neither forge a record nor the seal. Of an encrypted one the key lies inside
it. Who may act as the owner can do either; against him only a head that was noted on another device helps.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from ragedge.errors import DamagedError
from ragedge.home import home_dir
from ragedge.privacy.audit_chain import ChainKey, Head
from ragedge.privacy.keys import KEY_BYTES
from ragedge.privacy.vault import Vault

_LOG = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Seal:
    """A head as it was kept, of the log of a folder; ``tag`` shows whether it is what was written."""

    log: str
    folder: str
    head: Head
    tag: str

    def holds(self, key: ChainKey) -> bool:
        """Tell whether it was made under the log's key, for that log and folder."""
        return secrets.compare_digest(self.tag, key.seal(self.log, self.folder, self.head))


def new_log() -> tuple[str, bytes]:
    """Return a name and a key for a new log."""
    return secrets.token_hex(16), secrets.token_bytes(KEY_BYTES)


def keep_key(log: str, key: bytes) -> None:
    """Store the key of a plain knowledge base's log."""
    _folder().write_atomic(f"{_checked(log)}.key", key.hex().encode())


def kept_key(log: str) -> bytes | None:
    """Return a log's key; None where this device has none."""
    try:
        return bytes.fromhex(_folder().read(f"{_checked(log)}.key").decode())
    except FileNotFoundError:
        return None
    except ValueError:
        raise DamagedError(
            f"{home_dir() / 'audit' / log}.key is damaged", hint="restore it from a copy"
        ) from None


def forget_folder(folder: Path) -> None:
    """Delete keys and seals of the logs of a knowledge base that was destroyed."""
    for seal in seals_of(folder.absolute().as_posix()):
        for name in (f"{seal.log}.key", f"{seal.log}.seal"):
            _folder().delete(name)


def keep_seal(log: str, folder: str, head: Head, key: ChainKey) -> None:
    """Replace the sealed head of a log."""
    content = {
        "log": log, "folder": folder, "head": str(head), "tag": key.seal(log, folder, head),
    }  # fmt: skip
    _folder().write_atomic(f"{_checked(log)}.seal", json.dumps(content).encode())


def kept_seal(log: str) -> Seal | None:
    """Return the sealed head of a log; None where this device has none.

    Raises:
        DamagedError: it is not what was written.
    """
    try:
        return _parsed(_folder().read(f"{_checked(log)}.seal"))
    except FileNotFoundError:
        return None


def seals_of(folder: str) -> list[Seal]:
    """Return every seal that names a knowledge base's folder, its present log's or another's."""
    found = []
    vault = _folder()
    if vault.path.is_dir():
        for path in sorted(vault.path.glob("*.seal")):
            try:
                seal = _parsed(vault.read(path.name))
            except (DamagedError, FileNotFoundError):
                continue
            if seal.folder == folder and _LOG.fullmatch(seal.log):
                found.append(seal)
    return found


def _parsed(content: bytes) -> Seal:
    try:
        kept = json.loads(content)
        return Seal(str(kept["log"]), str(kept["folder"]), Head.parse(kept["head"]), str(kept["tag"]))
    except (ValueError, KeyError, TypeError) as exc:
        raise DamagedError(
            "the seal of the audit log is damaged", hint="ragedge audit verify --expect COUNT:TAG"
        ) from exc


def _checked(log: str) -> str:
    if not _LOG.fullmatch(log):
        raise DamagedError("the audit log has lost its name", hint="restore a copy of the folder")
    return log


def _folder() -> Vault:
    return Vault(home_dir() / "audit")

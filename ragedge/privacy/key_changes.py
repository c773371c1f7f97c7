"""What happens to an encrypted knowledge base as a whole: it is made from a plain one, its key changes, it dies.

Each step is safe to be killed in: a copy appears under its name complete or not at all, and while the root key
changes, ``kb.keys`` holds the old one and the new one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from ragedge.errors import DamagedError, StoreError
from ragedge.privacy.cipher import Cipher
from ragedge.privacy.keys import KEY_BYTES, KEYS, KeyFile, Secret, wrap
from ragedge.privacy.store_failures import from_sqlite, store_failures
from ragedge.privacy.vault import DATABASE, SETTINGS, Vault, sync_folder

_PIECE = 1 << 20
# What SQLCipher says of a full disk in the middle of an export; what it wrote is taken back, so there is room again.
_NO_ROOM = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_IOERR)


def encrypt(plain: Vault, target: Path, secret: Secret) -> None:
    """Write an encrypted copy of a plain knowledge base; the plain one stays as it is.

    What is damaged is copied as it is, and no seal tells of it any more: verify the plain one first.

    Raises:
        StoreError: it is encrypted already, there is something at the target, or its disk is full.
    """
    if plain.cipher is not None:
        raise StoreError(f"the knowledge base {plain.path} is encrypted already", hint="ragedge key rotate")
    if target.exists():
        raise StoreError(
            f"there is something at {target}", hint="name a folder that does not exist with --to"
        )
    target = target.absolute()
    making = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with plain.writer(), store_failures(target.parent):
        try:
            made = Vault.open(making, create=True, secret=secret)
            _copy(plain, made)
            if plain.exists(SETTINGS):
                made.write_atomic(SETTINGS, plain.read(SETTINGS))
            for name in plain.kept():
                made.write_atomic(name, plain.read(name))
            making.rename(target)
            sync_folder(target.parent)
        except BaseException as exc:
            shutil.rmtree(making, ignore_errors=True)
            if isinstance(exc, Exception) and any(from_sqlite(exc, code) for code in _NO_ROOM):
                raise StoreError(
                    f"the encrypted copy was not made: the disk that holds {target.parent} is full, or fails",
                    hint="nothing was lost: free as much space as the database takes, and run it again",
                ) from exc
            raise


def _copy(plain: Vault, made: Vault) -> None:
    """Copy every page, through SQLCipher's own export; nothing plain touches the disk."""
    cipher = made.cipher
    if cipher is None:
        raise StoreError(f"{made.path} is not encrypted")
    made.connect().close()  # makes the file, with its mark
    connection = Cipher.plain_connection(plain.path / DATABASE)
    try:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(
            f'ATTACH DATABASE ? AS made KEY "{cipher.sql_key}"', (os.fspath(made.path / DATABASE),)
        )
        connection.execute("SELECT sqlcipher_export('made')")
        # The export leaves the header out (zetetic.net/sqlcipher/sqlcipher-api, sqlcipher_export).
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA made.user_version = {int(version)}")
        connection.execute("DETACH DATABASE made")
    finally:
        connection.close()
    check = made.connect()
    try:
        if check.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise DamagedError("the encrypted copy is damaged", hint="check the disk; then run it again")
    finally:
        check.close()


def change_secret(vault: Vault, old: Secret | None, new: Secret) -> None:
    """Unlock with another secret from now on. The root key, and so every other file, stays as it is."""
    with vault.writer():
        keys = _keys(vault)
        root = keys.unlock(old)[0]
        vault.write_atomic(KEYS, KeyFile(keys.kb_id, wrap(new, root, keys.kb_id)).as_bytes())


def rotate(vault: Vault, secret: Secret | None) -> None:
    """Encrypt everything under a new root key; the secret that unlocks it stays.

    Raises:
        StoreError: another process has it open.
    """
    with vault.writer(), store_failures(vault.path):
        keys = _keys(vault)
        keys.unlock(secret)
        kept = {name: vault.read(name) for name in vault.kept()}
        root = secrets.token_bytes(KEY_BYTES)
        wrapped_by = secret or Secret("key_store", str(keys.wrapped["name"]).encode())
        successor = wrap(wrapped_by, root, keys.kb_id)
        # From here on either key may be the database's; opening tries both.
        vault.write_atomic(KEYS, KeyFile(keys.kb_id, keys.wrapped, successor).as_bytes())
        for name in vault.caches():
            vault.delete(name)  # made again from the rows
        connection = vault.connect()
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # a log would keep pages under the old key
            _rekey(connection, root, vault.path)
        finally:
            connection.close()
        vault.cipher = Cipher(root)
        vault.connect().close()
        vault.write_atomic(KEYS, KeyFile(keys.kb_id, successor).as_bytes())
        for name, data in kept.items():
            vault.write_atomic(name, data)


def _rekey(connection: sqlite3.Connection, root: bytes, folder: Path) -> None:
    try:
        connection.execute(f'PRAGMA rekey = "{Cipher(root).sql_key}"')
    except Exception as exc:
        if not from_sqlite(exc, sqlite3.SQLITE_ERROR):
            raise
        # SQLCipher has one code for all that fails here, and has taken back what it wrote.
        raise StoreError(
            f"the key was not changed: the disk that holds {folder} is full, or fails",
            hint="nothing was lost: free as much space as the database takes, and run it again",
        ) from exc


def shred(folder: Path) -> None:
    """Destroy a knowledge base: its key first, then its files.

    Without the key the rest cannot be read, whatever the medium keeps of it. A plain one has no key: its files are
    overwritten once, which a disk that remaps its blocks (every SSD) may not honour.
    """
    with store_failures(folder):
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        for path in sorted(files, key=lambda one: one.name != KEYS):
            _overwrite(path)
            path.unlink()
            sync_folder(path.parent)
        shutil.rmtree(folder)
        sync_folder(folder.parent)


def _overwrite(path: Path) -> None:
    left = path.stat().st_size
    with path.open("r+b") as file:
        while left > 0:
            file.write(secrets.token_bytes(min(left, _PIECE)))
            left -= _PIECE
        file.flush()
        os.fsync(file.fileno())


def _keys(vault: Vault) -> KeyFile:
    if vault.cipher is None:
        raise StoreError(
            f"the knowledge base {vault.path} is not encrypted",
            hint=f"ragedge key encrypt --kb {vault.path} --to NEW_FOLDER",
        )
    return KeyFile.parse(vault.read(KEYS))

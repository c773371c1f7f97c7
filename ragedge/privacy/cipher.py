"""What an encrypted knowledge base does differently: SQLCipher for the database, AES-256-GCM for other files."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, cast

from ragedge.errors import DamagedError, StoreError
from ragedge.privacy.aead import seal, unseal
from ragedge.privacy.keys import derive

_MAGIC = b"ragedge-sealed-1\n"
# Every page read costs a decryption: keep more of them than SQLite's 2 MB.
_CACHE_KIB = 32_768


class Cipher:
    """Seals and opens with one root key.

    Attributes:
        redaction_key: Makes the tokens of reversible redaction; another after a rotation.
    """

    def __init__(self, root: bytes) -> None:
        """Take a root key of 32 bytes.

        Raises:
            StoreError: SQLCipher is not installed.
        """
        _sqlcipher()  # before anything is written
        self._database_key = derive(root, "database")
        self._file_key = derive(root, "files")
        self.redaction_key = derive(root, "redaction")

    def connect(self, uri: str, timeout_s: float) -> sqlite3.Connection:
        """Open a database by URI; wrong keys and damage show with the first statement."""
        connection = _sqlcipher().connect(
            uri, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA cipher_log_level = NONE")  # it writes to standard error what we raise
        connection.execute(f'PRAGMA key = "{self.sql_key}"')
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return cast("sqlite3.Connection", connection)  # the same interface (PEP 249 and sqlite3's own)

    def export_plain(self, database: Path, target: Path) -> None:
        """Write a plain copy of an encrypted database to a new file."""
        connection = self.connect(f"{database.as_uri()}?mode=rw", 30.0)
        try:
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("ATTACH DATABASE ? AS plain KEY ''", (str(target),))
            connection.execute("SELECT sqlcipher_export('plain')")
            for pragma in ("user_version", "application_id"):  # the export leaves the header out
                value = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
                connection.execute(f"PRAGMA plain.{pragma} = {int(value)}")
            connection.execute("DETACH DATABASE plain")
        finally:
            connection.close()

    @staticmethod
    def plain_connection(database: Path) -> sqlite3.Connection:
        """Open a plain database with SQLCipher, to copy it into an encrypted one."""
        connection = _sqlcipher().connect(f"{database.as_uri()}?mode=rw", uri=True, isolation_level=None)
        return cast("sqlite3.Connection", connection)

    @property
    def sql_key(self) -> str:
        """The database's key as SQLCipher takes a raw one: no derivation of its own."""
        return f"x'{self._database_key.hex()}'"

    def seal(self, name: str, data: bytes | memoryview) -> bytes:
        """Encrypt a file's content; it opens under the same name alone."""
        return _MAGIC + seal(self._file_key, data, name.encode())

    def unseal(self, name: str, data: bytes) -> bytes:
        """Decrypt what ``seal`` returned.

        Raises:
            DamagedError: it is not what was sealed under that name.
        """
        try:
            if not data.startswith(_MAGIC):
                raise ValueError
            return unseal(self._file_key, memoryview(data)[len(_MAGIC) :], name.encode())
        except ValueError:
            raise DamagedError(
                f"{name} is not what was written", hint="restore a copy of the folder"
            ) from None


def _sqlcipher() -> Any:
    try:
        import sqlcipher3.dbapi2
    except ImportError as exc:
        raise StoreError(
            "an encrypted knowledge base needs SQLCipher, which is not installed",
            hint="pip install 'ragedge[encrypt]'",
        ) from exc
    return sqlcipher3.dbapi2

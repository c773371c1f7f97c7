"""The files that documents were read from: where they lie, or kept here if they came from memory."""

from __future__ import annotations

import hashlib
import os

from ragedge.errors import SourceError
from ragedge.ingest.scan import KEPT, read_original
from ragedge.privacy.vault import KEPT_FOLDER, Vault


def keep(vault: Vault, source: str, data: bytes) -> None:
    """Keep an uploaded file, in place of an earlier one of that name."""
    vault.write_atomic(_name(source), data)


def forget(vault: Vault, source: str) -> None:
    """Delete what is kept of a document; where nothing is, that is no error."""
    vault.delete(_name(source))


def read(vault: Vault, source: str, path: str | os.PathLike[str], sha256: str) -> bytes:
    """Return the file that a source was read from.

    Args:
        vault: Of the knowledge base.
        source: The document.
        path: Where the file lies, as the document notes it.
        sha256: Of what was read.

    Raises:
        SourceError: it is gone, or another file by now.
    """
    if path != KEPT:
        return read_original(source, path, sha256)
    try:
        data = vault.read(_name(source))
    except FileNotFoundError:
        data = b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SourceError(
            "not_found", f"the uploaded file of {source!r} is not here any more", hint="upload it again"
        )
    return data


def _name(source: str) -> str:
    # A digest: a source is a path, and its words belong into the database alone.
    return f"{KEPT_FOLDER}/{hashlib.sha256(source.encode()).hexdigest()}"

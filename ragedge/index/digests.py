"""Digests of rows: a flipped bit on the disk is found when the row is about to reach an answer."""

from __future__ import annotations

import hashlib
import hmac

from ragedge.errors import DamagedError

# 12 bytes: a random change passes once in 2**96. They find accidents, not forgers: those can rewrite both.
_DIGEST_BYTES = 12
_Part = str | bytes | int | float | None
_NAMES = {kind: kind.__name__.encode() for kind in (int, float, bool, type(None))}


def row_digest(*parts: _Part) -> bytes:
    """Return the digest of a row's fields; each is framed by type and length, so no two rows run together."""
    framed: list[bytes] = []
    for part in parts:
        if isinstance(part, str):
            data = part.encode("utf-8", "surrogatepass")
            framed += (b"str:%d:" % len(data), data)
        elif isinstance(part, bytes):
            framed += (b"bytes:%d:" % len(part), part)
        else:
            data = repr(part).encode()
            framed += (b"%b:%d:" % (_NAMES[type(part)], len(data)), data)
    return hashlib.blake2b(b"".join(framed), digest_size=_DIGEST_BYTES).digest()


def check_row(digest: bytes, source: str, what: str, *parts: _Part) -> None:
    """Compare a row with its digest.

    Raises:
        DamagedError: they differ; the message names the source and what mends it.
    """
    if not isinstance(digest, bytes) or not hmac.compare_digest(digest, row_digest(*parts)):
        raise damaged(source, what)


def damaged(source: str, what: str) -> DamagedError:
    """Return the error for a row of a source that is not what was written."""
    return DamagedError(
        f"{what} of {source!r} is damaged on the disk",
        hint=f"ragedge remove {source!r}, then ingest it again",
    )

"""Digests of rows: a flipped bit on the disk is found when the row is about to reach an answer."""

from __future__ import annotations

import hashlib
import hmac

from ragedge.errors import DamagedError

# 12 bytes: a random change passes once in 2**96. They find accidents, not forgers: those can rewrite both.
_DIGEST_BYTES = 12
_Part = str | bytes | int | float | None


def row_digest(*parts: _Part) -> bytes:
    """Return the digest of a row's fields; each is framed by type and length, so no two rows run together."""
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        data = (
            part
            if isinstance(part, bytes)
            else repr(part).encode()
            if not isinstance(part, str)
            else _utf8(part)
        )
        state.update(f"{type(part).__name__}:{len(data)}:".encode())
        state.update(data)
    return state.digest()


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


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

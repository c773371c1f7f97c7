"""The chain of the audit log: each record's tag is over the one before it, under a key that is not in the log.

A tag (HMAC-SHA-256) covers the tag before it, the record's number and its body, so that a changed, moved, inserted or
dropped record breaks it. What was cut off at the end breaks nothing by itself: therefore count and last tag, the
head, are sealed outside the log. Digests of questions and names are keyed too: they are short, and a plain hash
of them could be guessed back.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from ragedge.privacy.keys import derive

FIRST = bytes(32)  # what stands before the first record
_DIGEST_CHARS = 32  # 128 bits: enough that no two names meet


@dataclass(frozen=True, slots=True)
class Head:
    """How many records there are, and the last one's tag.

    ``str(head)`` is what to note elsewhere: ``COUNT:TAG``.
    """

    count: int
    tag: bytes

    def __str__(self) -> str:
        return f"{self.count}:{self.tag.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read ``COUNT:TAG``.

        Raises:
            ValueError: it is not that.
        """
        count, _, tag = text.partition(":")
        head = cls(int(count), bytes.fromhex(tag))
        if head.count < 0 or len(head.tag) != hashlib.sha256().digest_size:
            raise ValueError("not COUNT:TAG")
        return head


class ChainKey:
    """What tags records, seals heads and makes digests, all from one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._records = derive(key, "audit records")
        self._seals = derive(key, "audit seals")
        self._digests = derive(key, "audit digests")

    def tag(self, before: bytes, number: int, body: str) -> bytes:
        """Return the tag of a record that follows ``before``."""
        return hmac.digest(self._records, before + number.to_bytes(8) + body.encode(), "sha256")

    def seal(self, log: str, folder: str, head: Head) -> str:
        """Return the tag of a head as it is kept outside the log, hexadecimal."""
        return hmac.digest(self._seals, f"{log}\0{folder}\0{head}".encode(), "sha256").hex()

    def digest(self, kind: str, text: str) -> str:
        """Return the digest of a question, a name or a passage, hexadecimal; equal for equal texts of a kind."""
        framed = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._digests, framed, "sha256").hex()[:_DIGEST_CHARS]

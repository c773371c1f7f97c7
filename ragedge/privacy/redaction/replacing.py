"""Puts marks in the place of personal data: ``[email]``, or ``[email 3f9a2c41d0]`` where it shall be undone."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ragedge.datatypes import PersonalData
    from ragedge.protocols import Redactor

_TOKEN_DIGITS = 10  # 40 bits: a million values of one kind collide with a chance of about 1 in 2


@dataclass(frozen=True, slots=True)
class Redacted:
    """A value that was taken out.

    Attributes:
        kind: As the redactor calls it.
        token: What stands in its place.
        value: What stood there; empty where it shall not be undone.
    """

    kind: str
    token: str
    value: str = ""


@dataclass(slots=True)
class Redaction:
    """Redactors at work on the texts of one document or export.

    Attributes:
        redactors: Asked in order; the first to find a place has it.
        key: Makes tokens that can be undone; without it marks name the kind alone.
        taken: What was taken out so far.
    """

    redactors: Sequence[Redactor]
    key: bytes = b""
    taken: list[Redacted] = field(default_factory=list)

    def process(self, text: str, /) -> tuple[str, Sequence[int]]:
        """Replace what is found; return the new text and, as a preprocessor does, where each character stood."""
        parts: list[str] = []
        offsets: list[int] = []
        at = 0
        for data in self._found(text):
            parts.append(text[at : data.start])
            offsets.extend(range(at, data.start))
            mark = self._mark(data.kind, text[data.start : data.end])
            parts.append(mark)
            offsets.extend([data.start] * len(mark))
            at = data.end
        parts.append(text[at:])
        offsets.extend(range(at, len(text) + 1))
        return "".join(parts), offsets

    def text(self, text: str) -> str:
        """Return a text with what is found replaced."""
        return self.process(text)[0]

    def values(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return metadata with its texts redacted."""
        return {key: self.text(value) if isinstance(value, str) else value for key, value in metadata.items()}

    def _found(self, text: str) -> list[PersonalData]:
        kept: list[PersonalData] = []
        for redactor in self.redactors:
            for data in redactor.find(text):
                if all(data.end <= other.start or other.end <= data.start for other in kept):
                    kept.append(data)
        return sorted(kept, key=lambda data: data.start)

    def _mark(self, kind: str, value: str) -> str:
        if not self.key:
            self.taken.append(Redacted(kind, f"[{kind}]"))
            return f"[{kind}]"
        digest = hmac.new(self.key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256)
        token = f"[{kind} {digest.hexdigest()[:_TOKEN_DIGITS]}]"
        self.taken.append(Redacted(kind, token, value))
        return token

"""What an ingest did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SKIP_CODES = (
    "empty", "not_found", "unsupported", "damaged", "encrypted", "no_text", "timeout", "memory", "too_large",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source that was not taken in, and why; ``code`` is one of ``SKIP_CODES``."""

    source: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A source whose content is unchanged under a new path."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class UnreadPages:
    """Pages that hold an image and no text, and were not read; ``hint`` is what would read them."""

    source: str
    pages: tuple[int, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OcrPages:
    """Pages whose text, or the text of whose figures, was read by OCR."""

    source: str
    pages: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HiddenText:
    """Text that nobody who looks at the pages sees, kept out of search and answers; see ``Block.hidden``."""

    source: str
    pages: tuple[int, ...]
    characters: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RedactedText:
    """How much personal data was taken out of a source, by kind."""

    source: str
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlantedInstructions:
    """Pages with sentences that address whoever writes answers; they are kept out of answers and prompts."""

    source: str
    pages: tuple[int, ...]


@dataclass(slots=True)
class IngestReport:
    """What one ingest did. ``documents``, ``pages`` and ``chunks`` count what was read by it."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unread_pages: list[UnreadPages] = field(default_factory=list)
    ocr_pages: list[OcrPages] = field(default_factory=list)
    hidden_text: list[HiddenText] = field(default_factory=list)
    redacted: list[RedactedText] = field(default_factory=list)
    instructions: list[PlantedInstructions] = field(default_factory=list)
    documents: int = 0
    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """How many sources are in the knowledge base after this ingest because of it, or still."""
        return len(self.added) + len(self.updated) + len(self.unchanged) + len(self.renamed)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge ingest --json`` prints."""
        return {
            "schema": 1,
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "renamed": [{"from": r.old, "to": r.new} for r in self.renamed],
            "skipped": [asdict(s) for s in self.skipped],
            "unread_pages": [asdict(u) | {"pages": list(u.pages)} for u in self.unread_pages],
            "ocr_pages": [asdict(o) | {"pages": list(o.pages)} for o in self.ocr_pages],
            "hidden_text": [
                asdict(h) | {"pages": list(h.pages), "reasons": list(h.reasons)} for h in self.hidden_text
            ],
            "redacted": [{"source": r.source, "kinds": dict(r.kinds)} for r in self.redacted],
            "instructions": [{"source": i.source, "pages": list(i.pages)} for i in self.instructions],
            "documents": self.documents,
            "pages": self.pages,
            "chunks": self.chunks,
            "seconds": round(self.seconds, 3),
        }

"""What the store hands out: stored sources, pages and chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ragedge.datatypes import Block, Metadata, PlacedSpan


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A document as the store knows it.

    Attributes:
        source: Its name.
        sha256: Of the file's bytes.
        media_type: As detected.
        title: From the file; may be empty.
        metadata: Document and user metadata merged.
        origin: The folder it was ingested from, so that a namesake from elsewhere can be refused.
        stamp: Whatever the caller keeps to tell that a file is unchanged or was parsed with other settings.
        added_at: UTC, ISO 8601.
        pages: How many pages.
        chunks: How many chunks.
        unread_pages: Pages that hold an image and no text.
        redacted: Whether a redactor read it first: its file shows what is not here.
    """

    source: str
    sha256: str
    media_type: str
    title: str
    metadata: Metadata
    origin: str
    stamp: str
    added_at: str
    pages: int
    chunks: int
    unread_pages: tuple[int, ...] = ()
    redacted: bool = False


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page as it was read; ``ordinal`` counts from 0."""

    ordinal: int
    number: int | None
    label: str | None
    text: str
    blocks: tuple[Block, ...]
    unread: bool


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk, checked against its digest.

    Attributes:
        row: Its row id, the id that indexes know it by.
        chunk_id: Its public id.
        source: The document it belongs to.
        ordinal: Its place in the document, from 0.
        spans: Where its text stands, in reading order; joined by line feeds they are ``text``.
        metadata: The document's, overridden by the chunk's own.
    """

    row: int
    chunk_id: str
    source: str
    ordinal: int
    heading: tuple[str, ...]
    kind: str
    context: str
    text: str
    spans: tuple[PlacedSpan, ...]
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a knowledge base holds."""

    documents: int
    pages: int
    chunks: int


@dataclass(frozen=True, slots=True)
class EmbedderRecord:
    """The embedder that built the vectors."""

    name: str
    fingerprint: str
    dim: int

    def as_dict(self) -> Mapping[str, str | int]:
        """Return the ``embedder`` object of ``status --json``."""
        return {"name": self.name, "fingerprint": self.fingerprint, "dim": self.dim}

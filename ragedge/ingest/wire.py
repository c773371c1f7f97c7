"""What the parser process says over its pipes: JSON, so that nothing a parser is tricked into can run here."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import astuple
from typing import IO, Any

from ragedge.datatypes import Block, Chunk, Document, Page, Span

_LENGTH = struct.Struct("!Q")


def send(stream: IO[bytes], payload: bytes) -> None:
    """Write one frame: eight bytes of length, then the payload."""
    stream.write(_LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes | None:
    """Read one frame; None at the end of the stream, also in the middle of a frame."""
    head = _read_exactly(stream, _LENGTH.size)
    return None if head is None else _read_exactly(stream, _LENGTH.unpack(head)[0])


def _read_exactly(stream: IO[bytes], size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = stream.read(min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def dump(message: dict[str, Any]) -> bytes:
    """Encode a message; lone surrogates, which loaders remove, would survive as escapes."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii")


def document_as_json(document: Document) -> dict[str, Any]:
    """Return a document as JSON values."""
    return {
        "source": document.source,
        "media_type": document.media_type,
        "title": document.title,
        "metadata": dict(document.metadata),
        "pages": [
            [
                page.number, page.text, page.label, page.has_image_only,
                [list(astuple(block)) for block in page.blocks],
            ]
            for page in document.pages
        ],
    }  # fmt: skip


def document_from_json(value: dict[str, Any]) -> Document:
    """Return the document that ``document_as_json`` wrote."""
    pages = tuple(
        Page(number, text, label, tuple(Block(*block) for block in blocks), image_only)
        for number, text, label, image_only, blocks in value["pages"]
    )
    return Document(value["source"], value["media_type"], pages, value["title"], value["metadata"])


def chunks_as_json(chunks: Sequence[Chunk]) -> list[Any]:
    """Return chunks as JSON values; their text is left out, the spans give it back."""
    return [
        [[[s.page_index, s.start, s.end] for s in c.spans], c.heading, c.kind, c.context, dict(c.metadata)]
        for c in chunks
    ]


def chunks_from_json(values: list[Any], document: Document) -> list[Chunk]:
    """Return the chunks that ``chunks_as_json`` wrote."""
    chunks = []
    for spans, heading, kind, context, metadata in values:
        placed = tuple(Span(*span) for span in spans)
        text = "\n".join(document.pages[s.page_index].text[s.start : s.end] for s in placed)
        chunks.append(Chunk(text, placed, tuple(heading), kind, context, metadata))
    return chunks

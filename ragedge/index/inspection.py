"""What was read from a source, page by page, as ``inspect`` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragedge.errors import SourceError
from ragedge.index.rows import SourceRecord, StoredChunk, StoredPage
from ragedge.index.store import Store


def require(store: Store, source: str) -> SourceRecord:
    """Return a source's record.

    Raises:
        SourceError: there is no such source.
    """
    record = store.document(source)
    if record is None:
        raise SourceError("not_found", f"no document named {source!r}", hint="ragedge status lists them")
    return record


def read_pages(store: Store, source: str, page: int | None) -> list[dict[str, Any]]:
    """Return a source's pages with their blocks and chunks, as ``inspect --json`` prints them.

    Args:
        store: Where they are.
        source: As ``status`` lists it.
        page: Only this one, counted from 1.

    Raises:
        SourceError: there is no such source or page.
    """
    require(store, source)
    pages = store.pages(source)
    if page is not None and not 1 <= page <= len(pages):
        raise _no_page(source, page, len(pages))
    chunks = store.chunks(source)
    return [_page(item, chunks) for number, item in enumerate(pages, 1) if page in (None, number)]


def read_page(store: Store, source: str, page: int) -> tuple[SourceRecord, StoredPage]:
    """Return a source's record and one of its pages, counted from 1.

    Raises:
        SourceError: there is no such source or page.
    """
    record = require(store, source)
    found = store.page(source, page - 1)
    if found is None:
        raise _no_page(source, page, record.pages)
    return record, found


def _no_page(source: str, page: int, pages: int) -> SourceError:
    return SourceError("not_found", f"{source!r} has pages 1 to {pages}; page {page} was asked for")


def _page(page: StoredPage, chunks: Sequence[StoredChunk]) -> dict[str, Any]:
    return {
        "page": page.number,
        "page_label": page.label,
        "text": page.text,
        "unread": page.unread,
        "blocks": [
            {
                "kind": block.kind,
                "text": page.text[block.start : block.end],
                "start": block.start,
                "end": block.end,
                "level": block.level,
                "header_rows": block.header_rows,
                "hidden": block.hidden,
            }
            for block in page.blocks
        ],
        "chunks": [
            {
                "chunk_id": chunk.chunk_id,
                "text": page.text[span.start : span.end],
                "start": span.start,
                "end": span.end,
                "heading": list(chunk.heading),
                "kind": chunk.kind,
                "context": chunk.context,
                "pages": [placed.page for placed in chunk.spans],
            }
            for chunk in chunks
            for span in chunk.spans
            if span.page == page.number
        ],
    }

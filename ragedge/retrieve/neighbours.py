"""The chunks around a hit, so that what was cut apart for the search can be read whole."""

from __future__ import annotations

from ragedge.datatypes import PART_OF, ScoredChunk
from ragedge.index.rows import StoredChunk
from ragedge.index.store import Store

_REACH = 12  # chunks to either side; a longer section is a chapter


def around(store: Store, hit: ScoredChunk) -> list[ScoredChunk]:
    """Return the chunks before and after a hit, itself among them, in the order of the document.

    Raises:
        DamagedError: a chunk is not what was written.
    """
    near = store.chunks_around(hit.source, hit.chunk_id, _REACH)
    if not near:  # taken out since the search
        return [hit]
    whole = hit.metadata.get(PART_OF)  # the hit holds the other parts of its passage already
    return [
        hit if chunk.chunk_id == hit.chunk_id else _unranked(chunk, hit.rank)
        for chunk in near
        if chunk.chunk_id == hit.chunk_id or whole is None or chunk.metadata.get(PART_OF) != whole
    ]


def chunk_of(store: Store, source: str, chunk_id: str) -> ScoredChunk | None:
    """Return a chunk that was found before, without a score; None where it is gone.

    Raises:
        DamagedError: it is not what was written.
    """
    near = store.chunks_around(source, chunk_id, 0) if chunk_id else []
    return _unranked(near[0], 0) if near else None


def _unranked(chunk: StoredChunk, rank: int) -> ScoredChunk:
    first = chunk.spans[0]
    pages = tuple(sorted({span.page for span in chunk.spans if span.page is not None}))
    return ScoredChunk(
        rank, chunk.chunk_id, chunk.source, first.page, first.page_label, pages, chunk.heading, chunk.kind,
        chunk.text, first.start, first.end, 0.0, metadata=chunk.metadata, context=chunk.context, spans=chunk.spans,
    )  # fmt: skip

"""Small chunks that were found become the wider passages that they are parts of: search small, read big."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ragedge.datatypes import PART_OF, PlacedSpan, ScoredChunk
from ragedge.index.rows import StoredChunk
from ragedge.index.store import Store

_REACH = 16  # parts to either side; a passage has about three


def widened(store: Store, hits: Iterable[ScoredChunk]) -> Iterator[ScoredChunk]:
    """Yield hits in order, each part of a passage as its whole passage, and each passage once.

    A hit keeps its id, its score and its page; text and spans become the passage's.

    Raises:
        DamagedError: a chunk or page is not what was written.
    """
    seen: set[tuple[str, object]] = set()
    for hit in hits:
        part_of = hit.metadata.get(PART_OF)
        if part_of is None:
            yield hit
        elif (hit.source, part_of) not in seen:
            seen.add((hit.source, part_of))
            yield _whole(store, hit, part_of)


def _whole(store: Store, hit: ScoredChunk, part_of: object) -> ScoredChunk:
    near = store.chunks_around(hit.source, hit.chunk_id, _REACH)
    parts = [chunk for chunk in near if chunk.metadata.get(PART_OF) == part_of]
    if len(parts) < 2:
        return hit
    spans = _joined(parts)
    texts = []
    for span in spans:
        page = store.page(hit.source, span.page - 1 if span.page else 0)
        if page is None:  # taken out since the search
            return hit
        texts.append(page.text[span.start : span.end])
    here = next((s for s in spans if s.page == hit.page and s.start <= hit.start < s.end), spans[0])
    return replace(
        hit, text="\n".join(texts), spans=spans, start=here.start, end=here.end, page=here.page,
        page_label=here.page_label, pages=tuple(sorted({s.page for s in spans if s.page is not None})),
        heading=parts[0].heading, context=parts[0].context,
    )  # fmt: skip


def _joined(parts: list[StoredChunk]) -> tuple[PlacedSpan, ...]:
    """Return one span for each page that the parts stand on, from the first word to the last."""
    spans: list[PlacedSpan] = []
    for span in (span for part in parts for span in part.spans):
        if spans and spans[-1].page == span.page and spans[-1].start <= span.start:
            spans[-1] = replace(spans[-1], end=max(spans[-1].end, span.end))
        else:
            spans.append(span)
    return tuple(spans)

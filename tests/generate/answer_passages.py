"""Hits made by hand, as retrieval would return them."""

from __future__ import annotations

from ragedge.datatypes import PlacedSpan, ScoredChunk, SearchResult, SearchTimings, Why

OIL = (
    "Engine oil\n\nThe engine takes 4.2 L of oil with a filter change. Use only SAE 0W-20.\n"
    "Do not mix grades."
)
TORQUES = "Fastener | N·m | lb-ft\nDrain plug | 35 | 26\nWheel nut M12 | 110 | 81\nOil filter | 18 | 13"
STEPS = (
    "Changing the oil\n\nWARNING\nHot oil burns the skin. Let the engine cool.\n\n"
    "Have a pan ready.\n1. Remove the drain plug.\n2. Let the oil run out for 10 minutes.\n3. Fit a new seal."
)


def hit(
    text: str,
    rank: int = 1,
    *,
    page: int | None = 1,
    start: int = 0,
    heading: tuple[str, ...] = (),
    kind: str = "paragraph",
    context: str = "",
    source: str = "manual.pdf",
    spans: tuple[PlacedSpan, ...] | None = None,
    dense: float = 0.6,
) -> ScoredChunk:
    """One chunk that stands at ``start`` of a page."""
    if spans is None:
        spans = (PlacedSpan(page, None if page is None else f"1-{page}", start, start + len(text)),)
    first = spans[0]
    return ScoredChunk(
        rank, f"c{rank}", source, first.page, first.page_label, tuple(s.page for s in spans if s.page is not None),
        heading, kind, text, first.start, first.end, 1.0 / rank, Why(rank, dense - 0.05 * rank, rank, 9.0 - rank),
        {}, context, spans,
    )  # fmt: skip


def found(*hits: ScoredChunk) -> SearchResult:
    """A search that returned these."""
    return SearchResult(list(hits), SearchTimings(1.0, 2.0, 3.0))

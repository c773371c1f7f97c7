"""What a search finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ragedge.datatypes.document import Metadata, PlacedSpan


@dataclass(frozen=True, slots=True)
class Why:
    """How a hit came to its rank; None where that part of the search did not find it."""

    dense_rank: int | None = None
    dense_score: float | None = None
    text_rank: int | None = None
    text_score: float | None = None
    rerank_score: float | None = None


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A retrieved chunk, its place in the manual and its score (higher is better).

    ``start`` and ``end`` index the text of ``page`` as ``ragedge inspect`` prints it.
    """

    rank: int
    chunk_id: str
    source: str
    page: int | None
    page_label: str | None
    pages: tuple[int, ...]
    heading: tuple[str, ...]
    kind: str
    text: str
    start: int
    end: int
    score: float
    why: Why = field(default_factory=Why)
    metadata: Metadata = field(default_factory=dict)
    context: str = ""
    spans: tuple[PlacedSpan, ...] = ()

    def locate(self, start: int, end: int) -> PlacedSpan:
        """Find where ``text[start:end]`` stands; cut at the end of its page if it runs over one.

        Raises:
            ValueError: the range is empty or outside the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"range {start}:{end} is not inside a text of {len(self.text)} code points")
        before = 0
        for span in self.spans:
            length = span.end - span.start
            if start < before:
                break
            if start < before + length:
                offset = span.start - before
                return PlacedSpan(
                    span.page, span.page_label, start + offset, min(end, before + length) + offset
                )
            before += length + 1  # spans are joined by one line feed
        raise ValueError(f"range {start}:{end} lies on the joint between two spans")

    def as_dict(self) -> dict[str, Any]:
        """Return the ``hit`` object of the JSON contract."""
        hit = asdict(self)
        del hit["context"], hit["spans"]
        return hit | {
            "pages": list(self.pages),
            "heading": list(self.heading),
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class SearchTimings:
    """Milliseconds of one search."""

    embed_ms: float
    retrieve_ms: float
    total_ms: float


class SearchResult(list[ScoredChunk]):
    """The hits of one search, best first, with its timings.

    Attributes:
        timings: Of the search.
        notes: For a source among the hits, what is to be told of its revisions.
    """

    def __init__(
        self, hits: list[ScoredChunk], timings: SearchTimings, notes: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(hits)
        self.timings = timings
        self.notes = dict(notes or {})

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge search --json`` prints."""
        return {
            "schema": 1,
            "hits": [hit.as_dict() for hit in self],
            "notes": list(self.notes.values()),
            "timings": asdict(self.timings),
        }

"""A chunker that groups sentences by meaning: it cuts where the embedder sees the subject change.

It embeds every sentence, so an ingest takes several times as long as with the section chunker.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from ragedge.ingest.options import integers
from ragedge.ingest.packing import Packing, pack_evenly
from ragedge.ingest.section_chunker import SectionChunker
from ragedge.ingest.token_ruler import TokenRuler
from ragedge.ingest.units import Unit, caption_before, refined
from ragedge.protocols import TokenCounter

if TYPE_CHECKING:
    from ragedge.protocols import Embedder

_BATCH = 64
_WINDOW = 2  # sentences to either side of a cut whose meanings are compared
_SHORTEST_SHARE = 4  # no cut before this part of a chunk is filled
_CLEAR_CHANGE = 0.2  # cosine; below it two runs of sentences share hardly anything


def create(options: Mapping[str, Any]) -> SectionChunker:
    """Build the chunker; options ``max_tokens`` (192) and ``overlap_tokens``, which it has no use for."""
    checked = integers(
        "chunker", "meaning", options, {"max_tokens": (16, 192, 65536), "overlap_tokens": (0, 0, 65536)}
    )
    return SectionChunker(checked["max_tokens"], MeaningPacking())


class MeaningPacking(Packing):
    """Cuts a section where neighbouring sentences are least alike; rows and steps of one kind stay together."""

    needs_embedder = True

    def pack(
        self, units: list[Unit], budget: int, rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[list[list[Unit]]]:
        """Yield groups of sentences."""
        pieces: list[Unit] = []
        for place, unit in enumerate(units):
            caption = caption_before(units[:place], unit.page, rulers)
            pieces += (
                refined(unit, rulers[unit.page], budget, caption) if unit.kind == "paragraph" else [unit]
            )
        if sum(piece.tokens for piece in pieces) <= budget // 2 or len(pieces) < 3:
            yield from ([run] for run in pack_evenly(pieces, budget))
            return
        likeness = _likeness(pieces, rulers, cast("Embedder", counter))
        at = 0
        while at < len(pieces):
            end = _cut(pieces, likeness, at, budget)
            yield from ([run] for run in pack_evenly(pieces[at:end], budget))
            at = end


def _likeness(pieces: Sequence[Unit], rulers: Sequence[TokenRuler], embedder: Embedder) -> list[float]:
    """Return, for each place between two pieces, how alike what stands before and after it is (cosine)."""
    import numpy as np

    texts = [rulers[piece.page].text[piece.start : piece.end] for piece in pieces]
    rows = np.concatenate(
        [embedder.embed_passages(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
    )  # (pieces, dim)
    alike = []
    for place in range(1, len(pieces)):
        before = rows[max(0, place - _WINDOW) : place].sum(axis=0)  # (dim,)
        after = rows[place : place + _WINDOW].sum(axis=0)
        norm = float(np.linalg.norm(before) * np.linalg.norm(after)) or 1.0
        alike.append(float(before @ after) / norm)
    return alike


def _cut(pieces: Sequence[Unit], likeness: Sequence[float], at: int, budget: int) -> int:
    """Return where the group that begins at a place ends: at the least likeness that its length allows."""
    size, best, least = 0, at + 1, float("inf")
    for place in range(at, len(pieces)):
        size += pieces[place].tokens
        if size > budget and place > at:
            return best
        if place + 1 == len(pieces):
            break
        alike = likeness[place] if not pieces[place].with_next else 1.0
        if size >= budget // _SHORTEST_SHARE and alike < least:
            best, least = place + 1, alike
            if alike < _CLEAR_CHANGE:
                return best
        elif least == float("inf"):
            best = place + 1  # nothing long enough yet
    return len(pieces)

"""A chunker that searches small and reads big: a sentence, step or row is found, and its passage is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragedge.ingest.options import integers
from ragedge.ingest.packing import Packing, pack_evenly
from ragedge.ingest.section_chunker import SectionChunker
from ragedge.ingest.token_ruler import TokenRuler
from ragedge.ingest.units import Unit, caption_before, refined
from ragedge.protocols import TokenCounter

_PARTS = 3  # a passage is searched in about this many parts


def create(options: Mapping[str, Any]) -> SectionChunker:
    """Build the chunker; ``max_tokens`` (192) is the passage's length, ``overlap_tokens`` has no use."""
    checked = integers(
        "chunker", "small_to_big", options, {"max_tokens": (16, 192, 65536), "overlap_tokens": (0, 0, 65536)}
    )
    return SectionChunker(checked["max_tokens"], SmallToBigPacking())


class SmallToBigPacking(Packing):
    """Passages as the section chunker makes them, each in parts of a third of the longest passage."""

    def pack(
        self, units: list[Unit], budget: int, rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[list[list[Unit]]]:
        """Yield the parts of each passage."""
        small = max(budget // _PARTS, 1)
        for passage in pack_evenly(units, budget):
            pieces: list[Unit] = []
            for place, unit in enumerate(passage):
                caption = caption_before(passage[:place], unit.page, rulers)
                pieces += refined(unit, rulers[unit.page], small, caption)
            yield list(pack_evenly(pieces, small))

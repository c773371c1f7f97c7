"""A chunker for tables of facts: each row by itself with its column heads; prose as the section chunker does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragedge.ingest.options import integers
from ragedge.ingest.packing import Packing, pack_evenly
from ragedge.ingest.section_chunker import SectionChunker
from ragedge.ingest.token_ruler import TokenRuler
from ragedge.ingest.units import Unit, caption_before, refined
from ragedge.protocols import TokenCounter


def create(options: Mapping[str, Any]) -> SectionChunker:
    """Build the chunker; options ``max_tokens`` (192) and ``overlap_tokens``, which it has no use for."""
    checked = integers(
        "chunker", "rows", options, {"max_tokens": (16, 192, 65536), "overlap_tokens": (0, 0, 65536)}
    )
    return SectionChunker(checked["max_tokens"], RowPacking())


class RowPacking(Packing):
    """Each row of a table is a chunk; its heads, and its caption, stand with the first."""

    def pack(
        self, units: list[Unit], budget: int, rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[list[list[Unit]]]:
        """Yield rows one by one, and what stands between tables in chunks of about equal length."""
        prose: list[Unit] = []
        for place, unit in enumerate(units):
            if unit.kind != "table":
                prose.append(unit)
                continue
            caption = caption_before(units[:place], unit.page, rulers)
            for row in refined(unit, rulers[unit.page], budget, caption):
                prose.append(row)
                if row.with_next:  # heads wait for the first row
                    continue
                yield from _with_its_heads(prose, budget)
                prose = []
        yield from ([run] for run in pack_evenly(prose, budget))


def _with_its_heads(units: list[Unit], budget: int) -> Iterator[list[list[Unit]]]:
    """Yield the prose before a row, then the row with what must stand before it."""
    first = len(units) - 1
    while first > 0 and units[first - 1].with_next and units[first - 1].kind in ("table", "caption"):
        first -= 1
    yield from ([run] for run in pack_evenly(units[:first], budget))
    yield from ([run] for run in pack_evenly(units[first:], budget))

"""Puts the units of a section together into chunks of about equal length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ragedge.ingest.token_ruler import TokenRuler
from ragedge.ingest.units import Unit
from ragedge.protocols import TokenCounter


class Packing:
    """Decides which units of a section go into one chunk: as many as fit, in chunks of about equal length."""

    needs_embedder = False

    def pack(
        self, units: list[Unit], budget: int, rulers: Sequence[TokenRuler], counter: TokenCounter
    ) -> Iterator[list[list[Unit]]]:
        """Yield runs of units of at most ``budget`` tokens, all of them and in order.

        Args:
            units: Of one section and one page, or of a paragraph that runs over the end of its page.
            budget: Tokens that are left for text.
            rulers: One for each page of the document.
            counter: The embedder's tokens; an embedder where ``needs_embedder`` says so.

        Yields:
            The parts of a run: one, or several that are found by themselves and read together.
        """
        del rulers, counter
        for run in pack_evenly(units, budget):
            yield [run]


def pack_evenly(units: list[Unit], budget: int) -> Iterator[list[Unit]]:
    """Yield runs of units of at most ``budget`` tokens and of about equal length."""
    left = sum(unit.tokens for unit in units)
    current: list[Unit] = []
    size = 0
    target = left / max(math.ceil(left / max(budget, 1)), 1)
    for unit in units:
        context = len(current[0].context) // 3 if current else 0
        if current and (
            size + unit.tokens + context > budget or (size >= target * 0.9 and not current[-1].with_next)
        ):
            keep = len(current)
            while keep > 1 and current[keep - 1].with_next:
                keep -= 1
            if keep == 1 and current[0].with_next:
                keep = len(current)
            yield current[:keep]
            current = current[keep:]
            size = sum(u.tokens for u in current)
            if current and size + unit.tokens > budget:
                yield current
                current, size = [], 0
        current.append(unit)
        size += unit.tokens
    if current:
        yield current

"""How long work reports itself: the command line draws the bar, others pass nothing."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int | None], None]
"""Called with the stage in words, what is done, and the total where it is known (bytes while fetching)."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""

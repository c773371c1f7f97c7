"""Remembers which passages recent prompts began with, so that the next one may begin the same way.

What a prompt shares with an earlier one from its first token on is not read again. So passages that are still
right stand where they stood, in the same words, and what the new question needs besides comes after them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

_REMEMBERED = 8  # prompts; more beginnings than that are not held anywhere
# Of the words that a beginning brings, at least this share must be wanted anyway: the rest is read for nothing.
_LEAST_WANTED = 0.5


@dataclass(frozen=True, slots=True)
class Block:
    """A passage as it stands in a prompt.

    Attributes:
        chunk_id: Which passage.
        title: Its heading; may be empty.
        lines: Its sentences, steps or rows, each on one line.
    """

    chunk_id: str
    title: str
    lines: tuple[str, ...]

    def text(self, number: int) -> str:
        """Return the block under its number."""
        words = " ".join(self.lines)
        return f"[{number}] {self.title}: {words}" if self.title else f"[{number}] {words}"


class PromptMemory:
    """The beginnings of the last prompts; safe for threads."""

    def __init__(self) -> None:
        self._recent: deque[tuple[Block, ...]] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    def note(self, blocks: tuple[Block, ...]) -> None:
        """Remember what a prompt began with."""
        with self._lock:
            if blocks in self._recent:
                self._recent.remove(blocks)
            self._recent.append(blocks)

    def recent(self) -> list[tuple[Block, ...]]:
        """Return the remembered ones, the last first."""
        with self._lock:
            return list(reversed(self._recent))

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._recent.clear()


def best_beginning(
    earlier: Sequence[Sequence[Block]], wanted: Mapping[str, Collection[str]], found: Collection[str]
) -> tuple[Block, ...]:
    """Return the blocks of an earlier prompt to begin with again; none where that saves nothing.

    Args:
        earlier: The blocks of earlier prompts.
        wanted: For each passage that the new prompt needs, its lines.
        found: The passages that were found for the question: others are not right any more.
    """
    best: tuple[Block, ...] = ()
    most = 0
    for blocks in earlier:
        brought = useful = 0
        for at, block in enumerate(blocks):
            if block.chunk_id not in found:
                break
            lines = wanted.get(block.chunk_id, ())
            brought += sum(map(len, block.lines))
            useful += sum(len(line) for line in block.lines if line in lines)
            if useful > most and useful >= _LEAST_WANTED * brought:
                best, most = tuple(blocks[: at + 1]), useful
    return best

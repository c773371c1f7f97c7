"""Puts blocks of text together into one page, keeping count of offsets."""

from __future__ import annotations

from ragedge.datatypes import Block, BlockKind, Page


class PageBuilder:
    """Collects blocks in reading order; ``build`` joins them with blank lines into a page."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0

    def __len__(self) -> int:
        return len(self._blocks)

    def add(
        self,
        kind: BlockKind,
        text: str,
        *,
        level: int = 0,
        header_rows: int = 0,
        hidden: str = "",
        heads: str = "",
    ) -> None:
        """Append a block; text without anything but space is left out. What is hidden comes last."""
        text = text.strip("\n")
        text = text.rstrip() if text.strip() else ""
        if not text:
            return
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        self._parts.append(text)
        self._blocks.append(
            Block(kind, self._length, self._length + len(text), level, header_rows, None, hidden, heads)
        )
        self._length += len(text)

    def build(self, number: int | None, *, label: str | None = None, has_image_only: bool = False) -> Page:
        """Return the page."""
        return Page(number, "".join(self._parts), label, tuple(self._blocks), has_image_only)

"""A plain chunker: windows of a fixed number of tokens that overlap; pages are not mixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragedge.datatypes import Chunk, Document, Span
from ragedge.errors import ConfigError
from ragedge.ingest.options import integers
from ragedge.ingest.token_ruler import TokenRuler
from ragedge.protocols import TokenCounter


def create(options: Mapping[str, Any]) -> WindowChunker:
    """Build the chunker; options ``max_tokens`` (192) and ``overlap_tokens`` (0, at most half of it)."""
    checked = integers(
        "chunker", "window", options, {"max_tokens": (16, 192, 65536), "overlap_tokens": (0, 0, 65536)}
    )
    if checked["overlap_tokens"] * 2 > checked["max_tokens"]:
        raise ConfigError(
            f"chunker 'window': an overlap of {checked['overlap_tokens']} tokens is over half "
            f"of {checked['max_tokens']}",
            hint="lower ingest.overlap_tokens",
        )
    return WindowChunker(checked["max_tokens"], checked["overlap_tokens"])


class WindowChunker:
    """Cuts each page into windows; see ``create``."""

    def __init__(self, max_tokens: int, overlap_tokens: int) -> None:
        self._max_tokens, self._overlap_tokens = max_tokens, overlap_tokens

    def chunk(self, document: Document, counter: TokenCounter, /) -> Sequence[Chunk]:
        """Cut a document."""
        return [
            Chunk(page.text[start:end], (Span(index, start, end),))
            for index, page in enumerate(document.pages)
            for start, end in self._windows(TokenRuler(page.text, counter), counter)
        ]

    def _windows(self, ruler: TokenRuler, counter: TokenCounter) -> Iterator[tuple[int, int]]:
        text, start = ruler.text, 0
        while (start := _skip_space(text, start)) < len(text):
            tokens = self._max_tokens
            end = ruler.cut(start, len(text), tokens)
            # A window that begins or ends inside a word may count more tokens by itself than in its page.
            while len(counter.token_spans(text[start:end])) > self._max_tokens and end > start + 1:
                tokens -= 1
                end = ruler.cut(start, len(text), tokens) if tokens > 0 else (start + end) // 2
            yield start, start + len(text[start:end].rstrip())
            if end >= len(text):
                return
            back = max(ruler.count(start, end) - self._overlap_tokens, 1)
            start = max(ruler.cut(start, end, back), start + 1) if self._overlap_tokens else end


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at

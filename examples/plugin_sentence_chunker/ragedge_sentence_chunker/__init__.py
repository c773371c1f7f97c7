"""A chunker that packs as many whole sentences into a chunk as fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ragedge.datatypes import Chunk, Document, Span
from ragedge.errors import ConfigError
from ragedge.protocols import TokenCounter

_SENTENCE_END = re.compile(r"[.!?](?=\s)|[。！？]|\n\s*\n")
_WINDOW = 24  # code points read ahead per token; longer runs of text than any tokenizer makes


def create(options: Mapping[str, Any]) -> SentenceChunker:
    """Build the chunker; options ``max_tokens`` (192) and ``overlap_tokens`` (must be 0).

    Raises:
        ConfigError: an option is unknown, or its value is not allowed.
    """
    unknown = sorted(set(options) - {"max_tokens", "overlap_tokens"})
    if unknown:
        raise ConfigError(
            f"chunker 'sentence' has no option {unknown[0]!r}; options: max_tokens, overlap_tokens"
        )
    max_tokens, overlap = options.get("max_tokens", 192), options.get("overlap_tokens", 0)
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 16:
        raise ConfigError(
            f"chunker 'sentence': max_tokens is {max_tokens!r}; it must be a whole number from 16"
        )
    if overlap != 0:
        raise ConfigError(
            f"chunker 'sentence' never repeats a sentence, and overlap_tokens is {overlap!r}",
            hint="set ingest.overlap_tokens to 0",
        )
    return SentenceChunker(max_tokens)


class SentenceChunker:
    """Cuts each page at ends of sentences; a sentence that is too long by itself is cut at a token's end."""

    def __init__(self, max_tokens: int) -> None:
        self._max_tokens = max_tokens

    def chunk(self, document: Document, counter: TokenCounter, /) -> Sequence[Chunk]:
        """Cut a document; every character of a page that is no space is in one chunk."""
        return [
            Chunk(page.text[start:end], (Span(index, start, end),))
            for index, page in enumerate(document.pages)
            for start, end in self._runs(page.text, counter)
        ]

    def _runs(self, text: str, counter: TokenCounter) -> Iterator[tuple[int, int]]:
        start = _skip_spaces(text, 0)
        while start < len(text):
            end = self._end(text, start, counter)
            yield start, start + len(text[start:end].rstrip())
            start = _skip_spaces(text, end)

    def _end(self, text: str, start: int, counter: TokenCounter) -> int:
        window = text[start : start + _WINDOW * self._max_tokens]
        spans = counter.token_spans(window)
        fits = spans[self._max_tokens - 1][1] if len(spans) > self._max_tokens else len(window)
        if start + fits == len(text):
            return len(text)
        ends = [found.end() for found in _SENTENCE_END.finditer(window) if found.end() <= fits]
        length = ends[-1] if ends else fits
        # A word that is cut in two may count more tokens than it did whole.
        while length > 1 and len(counter.token_spans(window[:length])) > self._max_tokens:
            length -= 1
        return start + length


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at

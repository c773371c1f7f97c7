"""Preprocessors rewrite page text before it is cut, and say where each character came from."""

from __future__ import annotations

import itertools
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ragedge.datatypes import Block, Document, Page
from ragedge.errors import PluginError
from ragedge.ingest.options import no_options
from ragedge.protocols import Preprocessor


def create_nfkc(options: Mapping[str, Any]) -> NfkcPreprocessor:
    """Build the preprocessor; it has no options."""
    no_options("preprocessor", "nfkc", options)
    return NfkcPreprocessor()


class NfkcPreprocessor:
    """Unicode NFKC: full-width codes become half-width, ligatures and circled digits plain characters."""

    def process(self, text: str, /) -> tuple[str, Sequence[int]]:
        """Normalise text, run by run, so that every new character maps to the run it came from."""
        if unicodedata.is_normalized("NFKC", text):
            return text, range(len(text) + 1)
        parts: list[str] = []
        offsets: list[int] = []
        for start, end in _runs(text):
            run = text[start:end]
            new = unicodedata.normalize("NFKC", run)
            parts.append(new)
            if new == run:
                offsets.extend(range(start, end))
            else:  # inside a run that composed, characters map to its beginning
                offsets.extend(
                    min(start + i, end - 1) if len(new) == len(run) else start for i in range(len(new))
                )
        offsets.append(len(text))
        return "".join(parts), offsets


def _runs(text: str) -> list[tuple[int, int]]:
    """Cut text into runs that normalise by themselves: a starter and all that may combine with it."""
    cuts = [0]
    for at in range(1, len(text)):
        char = text[at]
        if (char < "\u0300" and text[at - 1] < "\u0300") or not _joins(char):
            cuts.append(at)
    cuts.append(len(text))
    return [(a, b) for a, b in itertools.pairwise(cuts) if a < b]


def _joins(char: str) -> bool:
    """Whether a character, or what it decomposes to, may combine with what stands before it."""
    head = unicodedata.normalize("NFKD", char)[:1] or char
    # Combining marks; Hangul vowels and finals; the Indic vowel signs that compose though their class is 0.
    return (
        unicodedata.combining(head) != 0
        or "\u1160" <= head <= "\u11ff"
        or unicodedata.category(head) in ("Mn", "Mc")
    )


def apply(document: Document, preprocessors: Sequence[Preprocessor]) -> Document:
    """Run preprocessors over every page, in order, and move the blocks along.

    Raises:
        PluginError: a preprocessor's offsets do not fit its text.
    """
    if not preprocessors:
        return document
    pages = tuple(_apply_page(page, preprocessors) for page in document.pages)
    return replace(document, pages=pages)


def _apply_page(page: Page, preprocessors: Sequence[Preprocessor]) -> Page:
    for preprocessor in preprocessors:
        text, offsets = preprocessor.process(page.text)
        if len(offsets) != len(text) + 1 or any(a > b for a, b in itertools.pairwise(offsets)):
            raise PluginError(
                f"preprocessor {type(preprocessor).__name__} gave {len(offsets)} offsets for {len(text)} characters; "
                "one more than there are characters is wanted, never decreasing",
                hint="take it out of ingest.preprocessors",
            )
        page = replace(page, text=text, blocks=tuple(_moved(block, offsets) for block in page.blocks))
    return page


def _moved(block: Block, offsets: Sequence[int]) -> Block:
    return replace(block, start=bisect_left(offsets, block.start), end=bisect_left(offsets, block.end))

"""Marks chunks with sentences that were put there for the model that will read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ragedge.datatypes import Chunk, Document
from ragedge.privacy.planted_text import is_planted

MARK = "instructions"


def mark(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Return the chunks, those with such a sentence marked in their metadata, so that they can be filtered out."""
    return [
        replace(chunk, metadata={**chunk.metadata, MARK: True}) if is_planted(chunk.text) else chunk
        for chunk in chunks
    ]


def pages_of(document: Document, chunks: Sequence[Chunk]) -> tuple[int, ...]:
    """Return the pages, counted from 1, on which marked chunks stand."""
    places = {span.page_index for chunk in chunks if MARK in chunk.metadata for span in chunk.spans}
    return tuple(sorted(document.pages[place].number or place + 1 for place in places))

"""Compares a question with sentences and rows by their vectors, made when it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ragedge.generate.unit_score import Similarity

if TYPE_CHECKING:
    from ragedge.protocols import Embedder


def by_vectors(embedder: Embedder) -> Similarity:
    """Return a comparison by an embedder: the cosine of the question's vector with that of each text."""

    def compare(question: str, texts: Sequence[str]) -> Sequence[float]:
        cosines: list[float] = (embedder.embed_passages(texts) @ embedder.embed_query(question)).tolist()
        return cosines

    return compare

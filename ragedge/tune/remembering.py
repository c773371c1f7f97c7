"""An embedder that embeds each question once, however often tuning asks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ragedge.protocols import Embedder, Float32


class RememberingEmbedder:
    """Hands on another embedder's vectors and keeps those of questions."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self._known: dict[str, Float32] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def embed_query(self, text: str, /) -> Float32:
        """Return the vector of a question, (dim,)."""
        if text not in self._known:
            self._known[text] = self._inner.embed_query(text)
        return self._known[text]

    def embed_passages(self, texts: Sequence[str], /) -> Float32:
        """Return the vectors of passages, (len(texts), dim)."""
        return self._inner.embed_passages(texts)

"""An embedder without a model: each word's hash picks a few coordinates. Equal words, near vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragedge.testing.word_counter import WordCounter

if TYPE_CHECKING:
    from ragedge.protocols import Float32

_WORD = re.compile(r"\w+|[^\w\s]")
_COORDINATES = 4  # of one word


class HashEmbedder(WordCounter):
    """Embeds by hashed words; passes the embedder contract.

    Args:
        dim: Length of a vector.
    """

    name = "hash"
    max_tokens = 256

    def __init__(self, dim: int = 64) -> None:
        self.dim = dim
        self.fingerprint = hashlib.sha256(f"hash-embedder 1 {dim}".encode()).hexdigest()

    def embed_passages(self, texts: Sequence[str], /) -> Float32:
        """Embed passages; (len(texts), dim), rows of L2 norm 1."""
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[0] = 1e-3  # so that a text without words has a direction too
            for word in _WORD.findall(text.lower()):
                digest = hashlib.blake2b(word.encode(), digest_size=2 * _COORDINATES).digest()
                for place, sign in zip(digest[::2], digest[1::2], strict=True):
                    row[place % self.dim] += 1.0 if sign & 1 else -1.0
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def embed_query(self, text: str, /) -> Float32:
        """Embed a question; (dim,), L2 norm 1."""
        row: Float32 = self.embed_passages([text])[0]
        return row

"""Runs an encoder over one text's ids: a graph that takes any length, or graphs of a few fixed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.protocols import Float32
    from ragedge.runtime.session import Session


SPECIAL_TOKENS = 2  # one before and one after the text, in every supported family


class EncoderRun(Protocol):
    """What an embedder asks of its graphs."""

    @property
    def most_ids(self) -> int:
        """Longest input, special tokens included."""

    def run(self, ids: Sequence[int], /) -> Float32:
        """Return a text's vector, (dim,), of L2 norm 1."""


class DynamicEncoder:
    """One graph for every length, which pools by itself."""

    def __init__(self, session: Session, most_ids: int) -> None:
        self.most_ids = most_ids
        self._session = session

    def run(self, ids: Sequence[int], /) -> Float32:
        """Return a text's vector, (dim,), of L2 norm 1."""
        row: Float32 = self._session.run(encoder_feeds(self._session, ids))["embedding"][0]  # (dim,)
        return row


def encoder_ids(tokenizer: Any, text: str, most: int) -> list[int]:
    """Return a text's ids with the special ones at both ends, cut to a length: the closing one stays."""
    ids: list[int] = tokenizer.encode(text, add_special_tokens=True).ids
    return ids if len(ids) <= most else [*ids[: most - 1], ids[-1]]


def encoder_feeds(session: Session, ids: Sequence[int]) -> dict[str, NDArray[np.int64]]:
    """Return what a graph of free length reads: one text's ids, (1, seq), and ones where it asks for a mask."""
    input_ids = np.array([ids], np.int64)
    # Only graphs that were compiled before, or elsewhere, have a mask.
    return {
        name: input_ids if name == "input_ids" else np.ones_like(input_ids) for name in session.input_names
    }


class StaticEncoder:
    """A graph for each of a few lengths; a text goes to the shortest that holds it."""

    def __init__(self, sessions: Mapping[int, Session], pooling: Literal["mean", "cls"]) -> None:
        self.most_ids = max(sessions)
        self._sessions = dict(sorted(sessions.items()))
        self._pooling = pooling

    def run(self, ids: Sequence[int], /) -> Float32:
        """Return a text's vector, (dim,), of L2 norm 1."""
        from ragedge.models.compile.static.build import encoder_feed

        length = next(length for length in self._sessions if length >= len(ids))
        hidden = self._sessions[length].run(encoder_feed(ids, length))["hidden"][0]  # (length, dim)
        pooled = hidden[0] if self._pooling == "cls" else hidden[: len(ids)].mean(axis=0)
        row: Float32 = (pooled / np.linalg.norm(pooled)).astype(np.float32)
        return row

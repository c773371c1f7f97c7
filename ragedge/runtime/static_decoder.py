"""Drives a decoder's static graphs: a prompt in chunks, then a token at a time, over one set of key and value buffers.

The graphs' inputs and outputs are described in ``models.compile.static.decoder``. What a run returns is copied behind
what is held; the buffers are this object's own, so that both graphs go on where the other stopped. Its methods are
those of ``runtime.decoder.Decoder``, and so is the form of a state: what one saved, the other restores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.errors import PromptTooLongError
from ragedge.runtime.kv_state import KvState, shared_prefix

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ragedge.runtime.decoder import DecoderShape, Logits
    from ragedge.runtime.session import Session

Feed = Callable[[list[int], int, int], Mapping[str, "NDArray[Any]"]]
"""(ids, tokens held, chunk) -> the inputs of a run but for keys and values."""

WORTH_A_CHUNK = 8
"""Fewer tokens than this are read one by one: a chunk's graph computes all of its rows, padding included."""


class StaticDecoder:
    """The graphs of one decoder and its keys and values. Not safe for threads.

    Attributes:
        tokens: What is held, oldest first; read only.
        adapter: Empty: a static graph takes none.
        capacity: Tokens that fit.
    """

    def __init__(
        self,
        sessions: Mapping[int, Session],
        facts: DecoderShape,
        capacity: int,
        feed: Feed,
        layers: int,
        key_order: Sequence[int] | None = None,
    ) -> None:
        """Allocate the buffers.

        Args:
            sessions: The graph of each chunk's length.
            facts: The model's shape.
            capacity: The context that the graphs were made for.
            feed: Makes a run's inputs.
            layers: How many the graphs have.
            key_order: Where each number of a key stands in the installed model's; None where they are alike.
        """
        self.tokens: list[int] = []
        self.adapter = ""
        self.capacity = capacity
        self.facts = facts
        self._sessions = dict(sorted(sessions.items(), reverse=True))
        self._feed = feed
        self._key_order = np.arange(facts.head_dim) if key_order is None else np.array(key_order)
        heads, dim = facts.kv_heads, facts.head_dim
        self._keys = [np.zeros((1, heads, dim, capacity), np.float32) for _ in range(layers)]
        self._values = [np.zeros((1, heads, capacity, dim), np.float32) for _ in range(layers)]

    @property
    def length(self) -> int:
        """How many tokens are held."""
        return len(self.tokens)

    def extend(
        self, ids: Sequence[int], logits: Logits = "last", keep_going: Callable[[], bool] | None = None
    ) -> NDArray[np.float32]:
        """Read tokens after those held; see ``Decoder.extend``.

        Raises:
            PromptTooLongError: they do not fit the capacity; nothing was read.
            ValueError: there are none, or one is outside the vocabulary.
        """
        if not ids:
            raise ValueError("extend needs at least one token")
        if min(ids) < 0 or max(ids) >= self.facts.vocab_size:
            raise ValueError(f"token ids must be 0 to {self.facts.vocab_size - 1}")
        if self.length + len(ids) > self.capacity:
            raise PromptTooLongError(
                f"{self.length + len(ids)} tokens do not fit the static graphs' context of {self.capacity}",
                hint="shorten the prompt",
            )
        rows = np.empty((len(ids) if logits == "all" else 0, self.facts.vocab_size), np.float32)
        start, found = 0, rows[:0]
        while start < len(ids):
            if start and keep_going is not None and not keep_going():
                return rows[:0]
            chunk = self._chunk_for(len(ids) - start)
            taken = list(ids[start : start + chunk])
            found = self._run(taken, chunk)
            if logits == "all":
                rows[start : start + len(taken)] = found
            start += len(taken)
        return found[-1:].copy() if logits == "last" else rows

    def reuse(self, ids: Sequence[int]) -> int:
        """Forget every token that is not a prefix of ids; see ``Decoder.reuse``."""
        shared = min(shared_prefix(self.tokens, ids), max(len(ids) - 2, 0))
        self.truncate(shared)
        return shared

    def state_bytes(self, tokens: int, dtype: DTypeLike = np.float32) -> int:
        """Return the memory that the state of so many tokens takes."""
        return 2 * len(self._keys) * self._keys[0][0, :, :, 0].size * tokens * np.dtype(dtype).itemsize

    def state(self, dtype: DTypeLike = np.float32) -> KvState:
        """Return a copy of what is held, in the form of ``Decoder.state``."""
        count = self.length
        shape = (2 * len(self._keys), self.facts.kv_heads, count, self.facts.head_dim)
        planes = np.empty(shape, dtype)
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            planes[2 * layer][..., self._key_order] = keys[0, :, :, :count].transpose(0, 2, 1)
            planes[2 * layer + 1] = values[0, :, :count]
        return KvState(tuple(self.tokens), planes)

    def restore(self, state: KvState, length: int | None = None) -> None:
        """Hold the first tokens of a state, in place of what is held; see ``Decoder.restore``.

        Raises:
            ValueError: it is of another shape, or does not fit the capacity.
        """
        count = len(state.tokens) if length is None else length
        shape = (2 * len(self._keys), self.facts.kv_heads, len(state.tokens), self.facts.head_dim)
        if state.planes.shape != shape or not 0 <= count <= min(len(state.tokens), self.capacity):
            raise ValueError(
                f"a state of shape {state.planes.shape} and {count} tokens does not fit a decoder of {shape} "
                f"and capacity {self.capacity}"
            )
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            keys[0, :, :, :count] = state.planes[2 * layer][:, :count, self._key_order].transpose(0, 2, 1)
            values[0, :, :count] = state.planes[2 * layer + 1][:, :count]
        self.tokens[:] = state.tokens[:count]

    def truncate(self, length: int) -> None:
        """Forget the tokens from a position on."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot truncate {self.length} tokens to {length}")
        del self.tokens[length:]

    def reset(self) -> None:
        """Forget every token."""
        self.truncate(0)

    def use_adapter(self, name: str, matrices: Mapping[str, NDArray[np.float32]]) -> None:
        """Take no adapter.

        Raises:
            ValueError: one is given.
        """
        if name or matrices:
            raise ValueError("a static graph takes no adapter")

    def close(self) -> None:
        """Forget every token and overwrite what their keys and values left in memory."""
        self.reset()
        for array in (*self._keys, *self._values):
            array.fill(0)

    def _chunk_for(self, count: int) -> int:
        """Choose the longest graph that is worth its padding and whose past holds what is held."""
        shortest = min(self._sessions)
        for chunk in self._sessions:
            if count >= min(chunk, WORTH_A_CHUNK) and self.length <= self.capacity - chunk:
                return chunk
        return shortest

    def _run(self, ids: list[int], chunk: int) -> NDArray[np.float32]:
        past, held, count = self.capacity - chunk, self.length, len(ids)
        feeds: dict[str, NDArray[Any]] = dict(self._feed(ids, held, chunk))
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            feeds[f"past.{layer}.key"] = np.ascontiguousarray(keys[..., :past])
            feeds[f"past.{layer}.value"] = np.ascontiguousarray(values[:, :, :past])
        found = self._sessions[chunk].run(feeds)
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            keys[..., held : held + count] = found[f"new.{layer}.key"][..., :count]
            values[:, :, held : held + count] = found[f"new.{layer}.value"][:, :, :count]
        self.tokens += ids
        logits: NDArray[np.float32] = found["logits"][0, :count]
        return logits

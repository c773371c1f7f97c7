"""Drives a decoder graph over key and value buffers that are bound once and written in place.

The graph (batch 1) reads ``input_ids`` int64 (1, seq), ``seqlens_k`` int32 (1,) = past + seq - 1,
``total_sequence_length`` int32 () = past + seq, ``logit_positions`` int64 (rows,) into seq, and for each
layer i ``past.{i}.key|value`` float32 (1, kv_heads, capacity, head_dim). It writes ``logits`` float32
(rows, vocab) and ``present.{i}.key|value``, which are the same buffers as past: nothing is copied, and
going back to a shorter text is a matter of forgetting a length.

A folder may hold a second graph of the same inputs and outputs, ``prompt.onnx``, that is faster over many tokens
(``models quantize --scheme smooth8``): prompts are read with it, into the same buffers, and steps with the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from ragedge.errors import PromptTooLongError
from ragedge.runtime.bound_graph import BoundGraph
from ragedge.runtime.kv_state import KvState, shared_prefix
from ragedge.runtime.saturation import exact_product_entries
from ragedge.runtime.session import Session, open_session

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ragedge.protocols import Backend

GRAPH_NAME = "model.onnx"
PROMPT_GRAPH_NAME = "prompt.onnx"
CHUNK_TOKENS = 256

Logits = Literal["last", "all", "none"]


class DecoderShape(Protocol):
    """What a manifest's ``decoder`` facts say of the graph, as far as running it needs them."""

    @property
    def layers(self) -> int:
        """Attention layers, each with a key and a value buffer."""

    @property
    def kv_heads(self) -> int:
        """Heads of a key or value."""

    @property
    def head_dim(self) -> int:
        """Length of one head's vector."""

    @property
    def context_length(self) -> int:
        """Positions that the graph was built for."""

    @property
    def vocab_size(self) -> int:
        """Length of a row of logits."""


class Decoder:
    """A decoder graph and its KV buffers.

    Not safe for threads: its owner serialises calls.

    Attributes:
        facts: The model's shape.
        capacity: Tokens that fit, prompt and answer together.
        tokens: The tokens whose keys and values are held, oldest first; read only.
        adapter: What is active beside the weights; empty for none.
    """

    def __init__(
        self,
        session: Session,
        facts: DecoderShape,
        capacity: int,
        chunk_tokens: int = CHUNK_TOKENS,
        prompts: Session | None = None,
    ) -> None:
        if not 1 <= capacity <= facts.context_length:
            raise ValueError(
                f"capacity must be 1 to {facts.context_length} for {session.name}, got {capacity}"
            )
        if chunk_tokens < 2:
            raise ValueError(f"chunk_tokens must be at least 2, got {chunk_tokens}")
        self.facts = facts
        self.capacity = capacity
        self.tokens: list[int] = []
        self.adapter = ""
        self._chunk_tokens = chunk_tokens
        shape = (1, facts.kv_heads, capacity, facts.head_dim)
        names = [f"{layer}.{part}" for layer in range(facts.layers) for part in ("key", "value")]
        # Zeroed: the system hands out their pages as they are touched.
        caches = {name: np.zeros(shape, np.float32) for name in names}
        self._caches = list(caches.values())
        self._seqlens = np.zeros(1, np.int32)  # (1,)
        self._total = np.zeros((), np.int32)  # ()
        self._step_ids = np.zeros((1, 1), np.int64)  # (1, 1)
        self._step_row = np.zeros(1, np.int64)  # (1,)
        self._step_logits = np.zeros((1, facts.vocab_size), np.float32)  # (1, vocab)
        self._steps = BoundGraph(session)
        self._prompts = self._steps if prompts is None else BoundGraph(prompts)
        for graph in {self._steps, self._prompts}:
            graph.bind_caches(caches)
            graph.bind_input("seqlens_k", self._seqlens)
            graph.bind_input("total_sequence_length", self._total)
        self._steps.bind_adapter({})
        self._step_bound = False

    @classmethod
    def open(
        cls,
        folder: Path,
        facts: DecoderShape,
        backend: Backend,
        *,
        threads: int,
        capacity: int,
        chunk_tokens: int = CHUNK_TOKENS,
        graph: bytes | None = None,
    ) -> Decoder:
        """Load the graph of a model folder and allocate its buffers.

        Args:
            folder: Holds ``model.onnx`` and its data, and ``prompt.onnx`` where it has one.
            facts: The manifest's description of the graph.
            backend: Where it runs.
            threads: Threads inside one operator.
            capacity: Tokens that the buffers hold; memory is 8 * layers * kv_heads * head_dim bytes each,
                taken as tokens arrive.
            chunk_tokens: Most tokens of one run, which bounds the working memory of a long prompt and
                how late an abort is noticed.
            graph: Take this in place of ``model.onnx``: the same with inputs for an adapter. It reads prompts too.

        Raises:
            ModelError: the graph could not be loaded, or is not the one that facts describe.
        """
        session = open_session(folder / GRAPH_NAME, backend, threads=threads, graph=graph)
        second = folder / PROMPT_GRAPH_NAME
        prompts = None
        if graph is None and second.is_file():
            prompts = open_session(second, backend, threads=threads, entries=exact_product_entries())
        return cls(session, facts, capacity, chunk_tokens, prompts)

    @property
    def length(self) -> int:
        """How many tokens are held."""
        return len(self.tokens)

    def extend(
        self,
        ids: Sequence[int],
        logits: Logits = "last",
        keep_going: Callable[[], bool] | None = None,
    ) -> NDArray[np.float32]:
        """Read tokens after those held.

        Args:
            ids: Token ids, each below the vocabulary's size; at least one.
            logits: Whose logits to return: of the last token, of every token, or of none. More tokens than one are
                taken for a prompt unless every token's are wanted, as they are of guesses.
            keep_going: Asked between chunks of a long prompt; False stops there.

        Returns:
            (rows, vocab): one row per token asked for; no rows when stopped early, and ``length`` says how
            far it came. After a single token, a view that the next call overwrites.

        Raises:
            PromptTooLongError: they do not fit the capacity; nothing was read.
            ValueError: ids is empty, or an id is outside the vocabulary.
            ModelError: the graph failed; the tokens of its chunk are not held.
        """
        count = len(ids)
        if count == 0:
            raise ValueError("extend needs at least one token")
        if self.length + count > self.capacity:
            raise PromptTooLongError(
                f"{self.length + count} tokens do not fit the context window of {self.capacity}",
                hint="shorten the prompt, or raise generate.context_window",
            )
        if min(ids) < 0 or max(ids) >= self.facts.vocab_size:
            raise ValueError(f"token ids must be 0 to {self.facts.vocab_size - 1}")
        if count == 1 and logits == "last":
            return self._step(ids[0])
        wanted = {"all": count, "last": 1, "none": 0}[logits]
        rows = np.empty((wanted, self.facts.vocab_size), np.float32)
        start = 0
        while start < count:
            if start and keep_going is not None and not keep_going():
                return rows[:0]
            end = start + self._chunk_tokens
            end = count if end + 1 >= count else end  # never a chunk of one token, see reuse
            chunk = ids[start:end]
            if logits == "all":
                self._read(self._steps, chunk, np.arange(len(chunk)), rows[start:end])
            elif logits == "last" and end == count:
                self._read(self._prompts, chunk, np.array([len(chunk) - 1]), rows)
            else:
                self._read(self._prompts, chunk, np.zeros(0, np.int64), rows[:0])
            start = end
        return rows

    def reuse(self, ids: Sequence[int]) -> int:
        """Forget every token that is not a prefix of ids, and return how many are left to build on.

        The last two of ids are always left to read: the last one's logits are what comes next, and the
        kernels for one row round differently from those for more, while two rows or two hundred give
        equal bits. So a prompt has the same logits whatever was held before it.
        """
        shared = shared_prefix(self.tokens, ids[: max(len(ids) - 2, 0)])
        self.truncate(shared)
        return shared

    def truncate(self, length: int) -> None:
        """Forget the tokens from a position on; their keys and values are overwritten by the next ones."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot truncate {self.length} tokens to {length}")
        del self.tokens[length:]

    def reset(self) -> None:
        """Forget every token."""
        self.truncate(0)

    def state_bytes(self, tokens: int, dtype: DTypeLike = np.float32) -> int:
        """Return the memory that the state of so many tokens takes."""
        facts = self.facts
        return 2 * facts.layers * facts.kv_heads * facts.head_dim * tokens * np.dtype(dtype).itemsize

    def state(self, dtype: DTypeLike = np.float32) -> KvState:
        """Return a copy of what is held; what an aborted run left in the buffers past it is not in it."""
        count = self.length
        shape = (len(self._caches), self.facts.kv_heads, count, self.facts.head_dim)
        planes = np.empty(shape, dtype)
        for plane, cache in zip(planes, self._caches, strict=True):
            plane[...] = cache[0, :, :count]
        return KvState(tuple(self.tokens), planes, self.adapter)

    def restore(self, state: KvState, length: int | None = None) -> None:
        """Hold the first tokens of a state, in place of what is held; all of them without ``length``.

        Raises:
            ValueError: it is of another shape, or does not fit the capacity.
        """
        count = len(state.tokens) if length is None else length
        shape = (len(self._caches), self.facts.kv_heads, len(state.tokens), self.facts.head_dim)
        if (
            state.adapter != self.adapter
            or state.planes.shape != shape
            or not 0 <= count <= min(len(state.tokens), self.capacity)
        ):
            raise ValueError(
                f"a state of shape {state.planes.shape} and {count} tokens does not fit a decoder of {shape}, "
                f"capacity {self.capacity} and this adapter"
            )
        held = shared_prefix(self.tokens, state.tokens[:count])
        self.truncate(held)
        for plane, cache in zip(state.planes, self._caches, strict=True):
            cache[0, :, held:count] = plane[:, held:count]
        self.tokens.extend(state.tokens[held:count])

    def use_adapter(self, name: str, matrices: Mapping[str, NDArray[np.float32]]) -> None:
        """Put an adapter in the place of the one that is active; every token is forgotten.

        Args:
            name: Tells it from others; empty for none.
            matrices: For the graph's ``lora.`` inputs, what to bind; zeros for those left out.

        Raises:
            ValueError: the graph has no input of a name.
        """
        self.reset()
        self._steps.bind_adapter(matrices)
        self.adapter = name

    def close(self) -> None:
        """Forget every token and overwrite what their keys, values and logits left in memory."""
        self.reset()
        for array in self._caches:
            array.fill(0)
        self._step_logits.fill(0)
        self._step_ids.fill(0)

    def _step(self, token: int) -> NDArray[np.float32]:
        """Read one token over the arrays that were bound at the first one."""
        if not self._step_bound:
            self._steps.bind_input("input_ids", self._step_ids)
            self._steps.bind_input("logit_positions", self._step_row)
            self._steps.bind_output("logits", self._step_logits)
            self._step_bound = True
        self._step_ids[0, 0] = token
        self._run(self._steps, 1)
        self.tokens.append(token)
        return self._step_logits

    def _read(
        self,
        graph: BoundGraph,
        ids: Sequence[int],
        positions: NDArray[np.int64],
        rows: NDArray[np.float32],
    ) -> None:
        """Read one chunk and put the logits at positions into rows, (len(positions), vocab)."""
        if graph is self._steps:
            self._step_bound = False
        graph.bind_input("input_ids", np.array([ids], np.int64))
        graph.bind_input("logit_positions", positions)
        graph.bind_output("logits", rows)
        self._run(graph, len(ids))
        self.tokens.extend(ids)

    def _run(self, graph: BoundGraph, count: int) -> None:
        total = self.length + count
        self._seqlens[0] = total - 1
        self._total[()] = total
        graph.run()

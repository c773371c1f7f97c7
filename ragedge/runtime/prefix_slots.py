"""Keeps what decoders know of earlier texts, so that a beginning that was read once is not read again.

One decoder has one set of buffers. Before they are overwritten, their keys and values are copied into a slot;
when a prompt comes that begins like a slot's text, they are copied back. A copy costs a hundredth of reading.
Slots are looked up by their longest common token prefix and dropped by least recent use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragedge.runtime.kv_state import KvState, shared_prefix

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from ragedge.runtime.decoder import Decoder
    from ragedge.runtime.static_decoder import StaticDecoder

# A shorter difference is read again sooner than a slot is worth its memory: a question, not its passages.
LEAST_TOKENS = 48


class PrefixSlots:
    """Slots within a memory budget. Not safe for threads: used by whoever has the decoder's turn.

    Attributes:
        dtype: What keys and values are kept in.
    """

    def __init__(self, budget_bytes: int, dtype: DTypeLike = np.float32) -> None:
        """Take a budget.

        Args:
            budget_bytes: Most memory for all slots; 0 keeps none.
            dtype: float32 keeps the bits, so that an answer never depends on what was asked before it; float16
                takes half the memory.
        """
        self._budget = budget_bytes
        self.dtype = np.dtype(dtype)
        self._states: list[KvState] = []  # least recently used first

    def __len__(self) -> int:
        return len(self._states)

    @property
    def nbytes(self) -> int:
        """Memory that is taken."""
        return sum(state.nbytes for state in self._states)

    def switch(self, decoder: Decoder | StaticDecoder, ids: Sequence[int]) -> int:
        """Make a decoder hold as much of a prompt as is known; what it held is kept if it is worth it.

        Returns:
            How many of ids are left to build on, as ``Decoder.reuse``.
        """
        held = shared_prefix(decoder.tokens, ids)
        best = max(self._of(decoder), key=lambda state: state.shared(ids), default=None)
        if best is not None and min(best.shared(ids), len(ids) - 2) <= held:
            best = None  # what is held is as good
        if best is not None:
            self._touch(best)
        if decoder.length - held >= LEAST_TOKENS:
            self.keep(decoder, best)
        if best is not None:
            decoder.restore(best, best.shared(ids))
        return decoder.reuse(ids)

    def keep(self, decoder: Decoder | StaticDecoder, wanted: KvState | None = None) -> bool:
        """Copy what a decoder holds into a slot; False where that is not worth it, or does not fit the budget.

        The size is known before anything is allocated: slots go until the new one fits, and one that could never
        fit drops none. The one that is ``wanted`` right now, used last, stays.
        """
        text = decoder.tokens
        known = max((state.shared(text) for state in self._of(decoder)), default=0)
        if len(text) - known < LEAST_TOKENS:
            return False
        size = decoder.state_bytes(len(text), self.dtype)
        if size > self._budget:
            return False
        # What is a beginning of the new one, but for a short tail, is in it.
        held = [s for s in self._of(decoder) if len(s.tokens) - s.shared(text) < LEAST_TOKENS]
        self._states = [s for s in self._states if not any(s is one for one in held)]
        while self.nbytes + size > self._budget:
            if self._states[0] is wanted:
                return False
            self._drop(0)
        self._states.append(decoder.state(self.dtype))
        return True

    def clear(self) -> None:
        """Drop every slot and overwrite what it held."""
        while self._states:
            self._drop(0)

    def _of(self, decoder: Decoder | StaticDecoder) -> list[KvState]:
        return [state for state in self._states if state.adapter == decoder.adapter]

    def _touch(self, state: KvState) -> None:
        # By identity: equality would compare arrays.
        for at, one in enumerate(self._states):
            if one is state:
                self._states.append(self._states.pop(at))
                return

    def _drop(self, at: int) -> None:
        self._states.pop(at).planes.fill(0)

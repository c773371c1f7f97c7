"""One generation: prompt in, pieces of text out, until an end token, a stop string, the limit or an abort."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from ragedge.datatypes import GenerationStats
from ragedge.errors import ModelError
from ragedge.generate.detokenizer import Decodes, Detokenizer
from ragedge.generate.sampling import pick
from ragedge.generate.stop_strings import StopStrings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions
    from ragedge.generate.turns import Turns
    from ragedge.runtime.decoder import Decoder

Finish = Literal["stop", "length", "aborted"]


class DecodeLoop:
    """Pieces of text, in order; the ``Generation`` of the built-in generator.

    The first piece waits for the turn and reads the prompt. ``close`` may be called from any thread: it
    returns once the step under way, at most one chunk of the prompt, has ended. The decoder then holds
    exactly the tokens it has read, and the next prompt builds on what it shares with them.

    Attributes:
        stats: Counts and times so far; end tokens are not counted.
    """

    def __init__(
        self,
        prompt: Sequence[int],
        options: GenerationOptions,
        *,
        decoder: Decoder,
        tokenizer: Decodes,
        turns: Turns,
        end_tokens: frozenset[int],
    ) -> None:
        self.stats = GenerationStats(prompt_tokens=len(prompt))
        self._tokens = list(prompt)  # prompt, then what was generated
        self._options = options
        self._decoder = decoder
        self._turns = turns
        self._end_tokens = end_tokens
        self._text = Detokenizer(tokenizer)
        self._stops = StopStrings(options.stop)
        self._rng = np.random.default_rng(options.seed)
        self._ticket = (
            object()
        )  # not self: whoever has the turn is kept alive, and an abandoned loop must not be
        self._closed = False
        self._stepping = threading.RLock()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        with self._stepping:
            while self.stats.finish_reason is None:
                try:
                    piece = self._advance()
                except BaseException:
                    self._finish("aborted")
                    raise
                if piece:
                    return piece
            raise StopIteration

    def close(self) -> None:
        """Abort; the generator is ready for the next call."""
        self._closed = True
        self._turns.wake()
        with self._stepping:
            if self.stats.finish_reason is None:
                self._finish("aborted")

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # construction failed half-way
            self.close()

    def _advance(self) -> str:
        """Generate one token and return the text that it settles."""
        logits = self._read()
        if self._closed or logits is None:
            self._finish("aborted")
            return ""
        token = self._pick(logits)
        if token in self._end_tokens:
            return self._end("stop")
        self._tokens.append(token)
        self.stats.new_tokens += 1
        piece = self._stops.push(self._text.push(token))
        if self._stops.stopped:
            self._finish("stop")
            return piece
        if self.stats.new_tokens == self._options.max_new_tokens:
            return piece + self._end("length")
        return piece

    def _read(self) -> NDArray[np.float32] | None:
        """Read what the decoder does not hold yet and return the last token's logits, (vocab,), or None."""
        began = self._turns.take(self._ticket, self._wanted)
        if self._closed:
            return None
        started = time.perf_counter()
        if began:
            shared = self._decoder.reuse(self._tokens)
            if not self.stats.new_tokens:
                self.stats.cached_tokens = shared
            rows = self._decoder.extend(self._tokens[shared:], keep_going=self._wanted)
        else:
            rows = self._decoder.extend(self._tokens[-1:])
        spent = 1000 * (time.perf_counter() - started)
        if self.stats.new_tokens:
            self.stats.decode_ms += spent
        else:
            self.stats.prefill_ms += spent
        return rows[0] if len(rows) else None

    def _pick(self, logits: NDArray[np.float32]) -> int:
        try:
            return pick(logits, self._options, self._rng)
        except ValueError as exc:
            raise ModelError(f"the decoder went wrong: {exc}", hint="ragedge doctor") from exc

    def _end(self, reason: Finish) -> str:
        """Finish and return the text that was held back, cut at a stop string if it completes one."""
        piece = self._stops.push(self._text.flush())
        if self._stops.stopped:
            reason = "stop"
        self._finish(reason)
        return piece + self._stops.flush()

    def _finish(self, reason: Finish) -> None:
        self.stats.finish_reason = reason
        self._turns.give_back(self._ticket)

    def _wanted(self) -> bool:
        return not self._closed

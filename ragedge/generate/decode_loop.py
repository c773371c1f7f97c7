"""One generation: prompt in, pieces of text out, until an end token, a stop string, the limit or an abort."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ragedge.datatypes import GenerationStats
from ragedge.errors import ModelError
from ragedge.generate.detokenizer import Decodes, Detokenizer
from ragedge.generate.penalties import penalized
from ragedge.generate.prompt_lookup import PromptLookup
from ragedge.generate.sampling import pick
from ragedge.generate.stop_strings import StopStrings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions
    from ragedge.generate.grammar import Constraint
    from ragedge.generate.turns import Turns
    from ragedge.runtime.decoder import Decoder
    from ragedge.runtime.prefix_slots import PrefixSlots
    from ragedge.runtime.static_decoder import StaticDecoder

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
        decoder: Decoder | StaticDecoder,
        slots: PrefixSlots,
        tokenizer: Decodes,
        turns: Turns,
        end_tokens: frozenset[int],
        constraint: Constraint | None = None,
        adapt: Callable[[], None] | None = None,
    ) -> None:
        self.stats = GenerationStats(prompt_tokens=len(prompt))
        self._tokens = list(prompt)  # prompt, then what was generated
        self._options = options
        self._decoder = decoder
        self._slots = slots
        self._turns = turns
        self._end_tokens = end_tokens
        self._constraint = constraint
        self._adapt = adapt  # makes the decoder's adapter this generation's
        self._text = Detokenizer(tokenizer)
        self._stops = StopStrings(options.stop)
        self._rng = np.random.default_rng(options.seed)
        self._drawn: Mapping[str, Any] = self._rng.bit_generator.state
        self._ahead: deque[tuple[int, Mapping[str, Any]]] = deque()  # chosen, but not handed out yet
        self._lookup = PromptLookup(options.lookup_tokens)
        # Not self: whoever has the turn is kept alive, and an abandoned loop must not be.
        self._ticket = object()
        self._closed = False
        self._stepping = threading.RLock()

    @property
    def options(self) -> GenerationOptions:
        """How it decodes."""
        return self._options

    @property
    def tokens(self) -> tuple[int, ...]:
        """The prompt, then what was handed out as text or is held back for it."""
        return tuple(self._tokens)

    @property
    def random(self) -> dict[str, Any]:
        """The state of the random numbers, before the next draw that is not handed out yet."""
        return dict(self._drawn)

    def go_on(
        self, answer: Sequence[int], random: Mapping[str, Any] | None, ended: Finish | None = None
    ) -> None:
        """Take tokens that were written before, so that it goes on after them; before the first piece.

        Args:
            answer: They follow the prompt.
            random: What ``random`` was then.
            ended: How it had ended; nothing follows then.
        """
        self.stats.finish_reason = ended
        for token in answer:
            self._tokens.append(token)
            self._stops.push(self._text.push(token))
            if self._constraint is not None:
                self._constraint.accept(token)
        self.stats.new_tokens = len(answer)
        if random is not None:
            self._rng.bit_generator.state = dict(random)
            self._drawn = self._rng.bit_generator.state

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
        """Take one more token and return the text that it settles."""
        if not self._ahead:
            rows = self._read()
            if self._closed or not len(rows):
                self._finish("aborted")
                return ""
            self._choose(rows)
        token, self._drawn = self._ahead.popleft()
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

    def _read(self) -> NDArray[np.float32]:
        """Read what the decoder does not hold yet, and a guess of what follows, which stays in ``_guess``.

        Returns:
            (1 + guessed tokens, vocab): what follows the text, then what follows each guessed token; no rows when
            aborted.
        """
        self._guess: list[int] = []
        nothing = np.zeros((0, 0), np.float32)
        began = self._turns.take(self._ticket, self._wanted)
        if self._closed:
            return nothing
        started = time.perf_counter()
        if began:
            if self._adapt is not None:
                self._adapt()
            shared = self._slots.switch(self._decoder, self._tokens)
            if not self.stats.prefill_ms:
                self.stats.cached_tokens = min(shared, self.stats.prompt_tokens)
            rows = self._decoder.extend(self._tokens[shared:], keep_going=self._wanted)
        else:
            room = self._decoder.capacity - len(self._tokens)
            self._guess = self._lookup.guess(self._tokens, room)
            rows = self._decoder.extend([self._tokens[-1], *self._guess], "all")
        spent = 1000 * (time.perf_counter() - started)
        if self.stats.prefill_ms:
            self.stats.decode_ms += spent
        else:
            self.stats.prefill_ms += spent
        return rows

    def _choose(self, rows: NDArray[np.float32]) -> None:
        """Choose the next token, and those after it as long as they were guessed right."""
        kept = 0
        for row in rows:
            token = self._pick(row)
            self._ahead.append((token, self._rng.bit_generator.state))
            if kept == len(self._guess) or token != self._guess[kept]:
                break
            kept += 1
        if self._guess:
            self._lookup.judge(len(self._guess), kept)
            self.stats.guessed_tokens += len(self._guess)
            self.stats.kept_tokens += kept
            self._decoder.truncate(self._decoder.length - len(self._guess) + kept)

    def _pick(self, logits: NDArray[np.float32]) -> int:
        """Pick what follows the text and the tokens ahead of it."""
        ahead = [token for token, _ in self._ahead]
        logits = penalized(logits, self._options, [*self._tokens, *ahead], self.stats.prompt_tokens)
        try:
            if self._constraint is None:
                return pick(logits, self._options, self._rng)
            token = pick(self._constraint.allowed(logits), self._options, self._rng)
            self._constraint.accept(token)
        except ValueError as exc:
            raise ModelError(f"the decoder went wrong: {exc}", hint="ragedge doctor") from exc
        return token

    def _end(self, reason: Finish) -> str:
        """Finish and return the text that was held back, cut at a stop string if it completes one."""
        piece = self._stops.push(self._text.flush())
        if self._stops.stopped:
            reason = "stop"
        self._finish(reason)
        return piece + self._stops.flush()

    def _finish(self, reason: Finish) -> None:
        self.stats.finish_reason = reason
        if self._turns.holds(self._ticket):
            # Guessed right, but never handed out: the decoder holds no more than the text.
            self._decoder.truncate(min(self._decoder.length, len(self._tokens)))
        self._ahead.clear()
        self._turns.give_back(self._ticket)

    def _wanted(self) -> bool:
        return not self._closed

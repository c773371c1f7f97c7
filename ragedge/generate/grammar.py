"""Holds what is written to a grammar: a JSON schema, a regular expression or a Lark grammar, by llguidance."""

from __future__ import annotations

import importlib.util
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ragedge.datatypes import Grammar


# Spaces as models write them, and no more: a small one would otherwise write spaces until its limit.
_JSON = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def is_installed() -> bool:
    """Whether the library is there."""
    return importlib.util.find_spec("llguidance") is not None


class GrammarTokenizer:
    """A model's tokenizer as grammars read it; made once, when the first grammar comes (about a second)."""

    def __init__(self, tokenizer: Any, vocab_size: int, end_tokens: Iterable[int]) -> None:
        """Take a ``tokenizers.Tokenizer``, the length of its model's logits, and what ends an answer."""
        self._tokenizer = tokenizer
        self._vocab_size = vocab_size
        self._end_tokens = sorted(end_tokens)
        self._native: Any = None
        self._making = threading.Lock()

    def constraint(self, grammar: Grammar) -> Constraint:
        """Return a fresh constraint.

        Raises:
            MissingExtraError: llguidance is not installed.
            ValueError: the grammar is not one.
        """
        require("grammar", "llguidance")
        from llguidance import LLMatcher, LLTokenizer

        with self._making:
            if self._native is None:
                self._native = LLTokenizer(
                    self._tokenizer.to_str(), n_vocab=self._vocab_size, eos_token=self._end_tokens
                )
        if grammar.kind == "json_schema":
            rules = LLMatcher.grammar_from_json_schema(grammar.text, overrides=_JSON)  # type: ignore[arg-type]
        elif grammar.kind == "regex":
            rules = LLMatcher.grammar_from_regex(grammar.text)
        else:
            rules = LLMatcher.grammar_from_lark(grammar.text)
        matcher = LLMatcher(self._native, rules, log_level=0)
        if matcher.is_error():
            raise ValueError(
                f"the {grammar.kind.replace('_', ' ')} is not one: {matcher.get_error().splitlines()[0]}"
            )
        return Constraint(matcher, self._vocab_size)


class Constraint:
    """Where a text stands in a grammar."""

    def __init__(self, matcher: Any, vocab_size: int) -> None:
        self._matcher = matcher
        self._vocab_size = vocab_size
        self._bits = np.zeros((1, (vocab_size + 31) // 32), np.int32)

    def allowed(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits, (vocab,), with -inf for every token that may not come next."""
        from llguidance.numpy import fill_next_token_bitmask

        fill_next_token_bitmask(self._matcher, self._bits)
        bits = np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: self._vocab_size]
        return np.where(bits.astype(bool), logits, np.float32(-np.inf))

    def accept(self, token: int) -> None:
        """Go on past a token.

        Raises:
            ValueError: it was not allowed.
        """
        if not self._matcher.consume_token(token):
            raise ValueError("a token that the grammar does not allow")

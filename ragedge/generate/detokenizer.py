"""Turns tokens into text as they come, whole characters only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

REPLACEMENT = "\ufffd"  # what a decoder writes for bytes that are no character, or not yet one
_LONGEST_WAIT_TOKENS = 64  # past that the bytes are garbage, not a character that is still to be finished


class Decodes(Protocol):
    """The part of ``tokenizers.Tokenizer`` that is needed here."""

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """Return the text of tokens."""


class Detokenizer:
    """Decodes a growing list of tokens piece by piece.

    The pieces joined are the text of all tokens decoded at once. Both common kinds of tokenizer need care:
    a byte-level one ends a token in the middle of a character, and a SentencePiece one drops the space
    before the first word of whatever it decodes. So each piece is cut out of the text of a window that
    begins one settled piece earlier, and characters that are not whole yet stay back.
    """

    def __init__(self, tokenizer: Decodes) -> None:
        self._tokenizer = tokenizer
        self._window: list[int] = []  # settled tokens, then new ones
        self._settled = 0  # how many of the window's tokens are settled
        self._prefix = ""  # the settled tokens' text
        self._given = 0  # how many characters after the prefix were handed out

    def push(self, token: int) -> str:
        """Take a token and return the characters that it completes; may be empty."""
        self._window.append(token)
        text = self._tokenizer.decode(self._window, skip_special_tokens=True)[len(self._prefix) :]
        whole = text.rstrip(REPLACEMENT)
        if len(self._window) - self._settled > _LONGEST_WAIT_TOKENS:
            whole = text
        piece = whole[self._given :]
        self._given += len(piece)
        if len(whole) == len(text) and text:
            self._settle()
        return piece

    def flush(self) -> str:
        """Return what stayed back, now that nothing follows: bytes that never became a character."""
        text = self._tokenizer.decode(self._window, skip_special_tokens=True)[len(self._prefix) :]
        piece = text[self._given :]
        self._settle()
        return piece

    def _settle(self) -> None:
        self._window = self._window[self._settled :]
        self._settled = len(self._window)
        self._prefix = self._tokenizer.decode(self._window, skip_special_tokens=True)
        self._given = 0

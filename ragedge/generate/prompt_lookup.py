"""Guesses the next tokens from the text itself: an answer from a manual repeats the manual.

Where the last few tokens stand earlier in the prompt or the answer, what followed them there is a good guess of what
follows now. A decoder reads several guessed tokens in little more time than one, and those that it would have chosen
itself are kept: the text is the same, in fewer steps.
Source: Saxena, "Prompt Lookup Decoding", 2023 (github.com/apoorvumang/prompt-lookup-decoding).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LONGEST_MATCH = 4  # tokens; a longer one points to the same place
_LEAST_MATCH = 2  # for more than one token: a space or a full stop alone stands everywhere
_FIRST_GUESS = 4


class PromptLookup:
    """Guesses for one generation; how far it dares to guess follows from how it did."""

    def __init__(self, most: int) -> None:
        """Take the most tokens of one guess; 0 looks nothing up."""
        self._most = most
        self._length = min(_FIRST_GUESS, most)

    def guess(self, tokens: Sequence[int], room: int) -> list[int]:
        """Return what may follow tokens: at least one token and at most ``room``; nothing without room.

        There is always one, if only a filler: a decoder rounds otherwise over one row than over several, and what it
        computes for a token shall not hang on how it was read (docs/decisions/031).
        """
        if room < 1:
            return []
        if not self._most:
            return [tokens[-1]]
        return (
            following(tokens, min(self._length, room))
            or following(tokens, 1, least=1)  # says little, but the row is paid for
            or [tokens[-1]]
        )

    def judge(self, guessed: int, kept: int) -> None:
        """Learn how many tokens of a guess were kept: guess further after a good one, less far after a bad one."""
        if kept == guessed:
            self._length = min(self._most, max(self._length, 2 * guessed))
        elif kept < guessed / 2:
            self._length = max(min(1, self._most), guessed // 2, kept)


def following(tokens: Sequence[int], most: int, least: int = _LEAST_MATCH) -> list[int]:
    """Return up to ``most`` tokens that followed the last earlier place where the text's end stands.

    The longest end that stands somewhere decides; nothing where not even the last ``least`` tokens do.
    """
    text = np.asarray(tokens)
    for length in range(min(_LONGEST_MATCH, len(text) - 1), least - 1, -1):
        ending = text[-length:]
        # Where the last token of the ending stands before the end, then the tokens before it.
        ends = np.flatnonzero(text[length - 1 : -1] == ending[-1]) + length - 1
        for back in range(1, length):
            ends = ends[text[ends - back] == ending[-1 - back]]
        if len(ends):
            start = int(ends[-1]) + 1
            return list(tokens[start : start + most])
    return []

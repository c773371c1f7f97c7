"""Measures runs of a page in tokens: the page is tokenised once, each run then costs two bisections."""

from __future__ import annotations

from bisect import bisect_left

from ragedge.protocols import TokenCounter


class TokenRuler:
    """The tokens of one text."""

    def __init__(self, text: str, counter: TokenCounter) -> None:
        self.text = text
        spans = counter.token_spans(text) if text else ()
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def count(self, start: int, end: int) -> int:
        """Count the tokens that begin in ``text[start:end]``; exact where both cuts stand at spaces."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)

    def cut(self, start: int, end: int, tokens: int) -> int:
        """Return the last place at which ``text[start:place]`` holds at most that many tokens.

        The place is a token's end and, where one is near, the end of a word; it is always past ``start``.
        """
        first = bisect_left(self._starts, start)
        last = min(first + max(tokens, 1), len(self._starts)) - 1
        if last < first or self._starts[last] >= end or self.count(start, end) <= tokens:
            return end
        place = min(self._ends[last], end)
        word = max(self.text.rfind(" ", start, place + 1), self.text.rfind("\n", start, place + 1))
        inside_word = place < end and not self.text[place].isspace() and self.text[place - 1].isascii()
        if inside_word and word > start and self.text[start:word].strip() and place - word <= 40:
            place = word
        return max(place, start + 1)

"""A token counter without a model: a token is a run of word characters, or one other character."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TOKEN = re.compile(r"[^\W_]{1,6}|[^\s]")


class WordCounter:
    """Counts at most six letters as one token, about as a word-piece vocabulary does."""

    def token_spans(self, text: str, /) -> Sequence[tuple[int, int]]:
        """Return each token's span."""
        return [found.span() for found in _TOKEN.finditer(text)]


def create(options: Mapping[str, Any]) -> WordCounter:
    """Build the counter; options are not looked at."""
    return WordCounter()

"""A reranker without a model: the share of the question's words that stand in the passage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ragedge.protocols import Float32

_WORD = re.compile(r"\w+")


class WordReranker:
    """Scores by shared words; passes the reranker contract."""

    def score(self, question: str, passages: Sequence[str], /) -> Float32:
        """Score passages; (len(passages),), in [0, 1]."""
        wanted = set(_WORD.findall(question.lower()))
        found = (len(wanted & set(_WORD.findall(text.lower()))) for text in passages)
        return np.fromiter(found, dtype=np.float32, count=len(passages)) / np.float32(max(len(wanted), 1))

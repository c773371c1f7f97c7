"""A question that leans on the ones before it, made whole: what is searched for has to stand in it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragedge.retrieve.query import STOP_WORDS

_WORD = re.compile(r"[^\W_]+(?:[./-][^\W_]+)*")
# Words that stand for something said before. Japanese has no spaces: there, its own are looked for anywhere.
_POINTS_BACK = re.compile(
    r"(?<!\w)(?:it|its|itself|they|them|their|theirs|that|those|this|these|ones?|there|same|then|otherwise|instead"
    r"|es|sie|ihn|ihm|deren|dessen|davon|dafür|damit|daran|dazu|dort|diese[mnrs]?)(?!\w)|それ|その|これ|この|あれ|同じ",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:and|or|but|also|what about|how about|what if|why|und|oder|aber|was ist mit|では|じゃあ)(?!\w)",
    re.IGNORECASE,
)
_FEW_WORDS = 2


def whole_question(question: str, earlier: Sequence[str]) -> str:
    """Return a question with the words of the conversation that it leans on; a whole one as it is.

    Args:
        question: The last thing asked.
        earlier: What was asked before it, oldest first, each as this function returned it.

    Returns:
        The question, followed by those telling words of the last earlier one that it lacks.
    """
    if not earlier or not _leans(question):
        return question
    said = {word.lower() for word in _WORD.findall(question)}
    words = [w for w in _telling(earlier[-1]) if w.lower() not in said and not _POINTS_BACK.fullmatch(w)]
    return " ".join([question, *dict.fromkeys(words)])


def _leans(question: str) -> bool:
    if _POINTS_BACK.search(question) or _GOES_ON.match(question):
        return True
    telling = _telling(question)
    named = any(any(c.isdigit() for c in word) for word in telling)
    return question.isascii() and not named and len(telling) <= _FEW_WORDS and "?" in question


def _telling(question: str) -> list[str]:
    return [word for word in _WORD.findall(question) if word.lower() not in STOP_WORDS]

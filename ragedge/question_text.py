"""The text of a question and the name of a session, checked and cleaned: the same for search and for answers."""

from __future__ import annotations

import re
import unicodedata

from ragedge.errors import QuestionError

LONGEST_QUESTION = 4000  # characters; a page of text is no question, and would fill any prompt

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Cc: control, Cf: direction marks and joiners, Cs, Co and Cn: not text. All can hide what is asked.
_NOT_TEXT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def clean_question(text: str) -> str:
    """Return a question as one line of printable text.

    Raises:
        QuestionError: nothing is left, or it is too long.
        TypeError: it is not text.
    """
    if not isinstance(text, str):
        raise TypeError(f"a question is a str, not {type(text).__name__}")
    if len(text) > LONGEST_QUESTION:
        raise QuestionError(
            f"the question has {len(text)} characters; at most {LONGEST_QUESTION} are allowed",
            hint="ask in fewer words; put documents in with ragedge ingest",
        )
    kept = "".join(" " if unicodedata.category(c) in _NOT_TEXT else c for c in text)
    cleaned = " ".join(kept.split())
    if not any(c.isalnum() for c in cleaned):
        raise QuestionError(
            "the question is empty: it holds no letter or digit",
            hint='for example: ragedge ask "tyre pressure"',
        )
    return cleaned


def checked_name(name: str) -> str:
    """Return a session's name.

    Raises:
        ValueError: it is not 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first.
    """
    if not isinstance(name, str) or not _SESSION.fullmatch(name):
        raise ValueError(
            "a session's name is 1 to 64 letters, digits, dots, dashes and underscores, a letter or digit first"
        )
    return name

"""Two questions in one: "Which oil does the engine take, and how much?" is answered part by part."""

from __future__ import annotations

import re

from ragedge.generate.subject import names_a_subject
from ragedge.generate.terms import STOP_WORDS, content_terms, fold

_ASKS = (
    r"(?:(?:at|in|to|with|on|of|by|for) )?(?:what|which|where|when|who|why|how)\b"
    r"|(?:wie|welche[rsnm]?|wo|wann|warum|wer|was)\b"
)
_NEXT = re.compile(
    rf"(?:\?\s+|[,;]?\s+(?:and|und)\s+(?:also\s+)?|,\s+)(?=(?:{_ASKS}))"
    r"|\?\s+(?:please )?(?:give|tell|state|name)(?: me)?\s+|,\s+(?=[\w ]{1,30}\bplease\b)",
    re.I,
)
_BEGINS = re.compile(rf"\W*(?:.{{0,120}}?[,.;:]\s+)?(?:{_ASKS})", re.I | re.S)
_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")
_POINTS_BACK = re.compile(r"\b(?:it|its|they|them|their|that|those|this|these|one)\b", re.I)
_COMPARES = re.compile(r"\b(?:differ\w*|compare\w*|versus|vs)\b", re.I)
_MOST = 3  # parts; more is a text
_BARE = 2  # terms under which a first part waits for what follows: "How many screws and which washers hold the rail?"


def parts_of(question: str) -> tuple[str, ...]:
    """Return the questions that a question asks, each to be understood by itself; empty where it asks one.

    A later part that names no subject ("and how much?") or points back ("and what is its number?") gets the words of
    the first that tell the subject.
    """
    if _COMPARES.search(question):
        return ()
    pieces = [piece.strip(" ?.,;") for piece in _NEXT.split(question)]
    pieces = [piece for piece in pieces if _WORD.search(piece)]
    if not 1 < len(pieces) <= _MOST or not _BEGINS.match(pieces[0]):
        return ()
    first = _telling(pieces[0])
    if len(first) < _BARE and len(_telling(pieces[1])) >= _BARE and not _POINTS_BACK.search(pieces[1]):
        first += [word for word in _telling(pieces[1]) if word not in first]
        pieces[0] = " ".join([pieces[0], *first[1:]])
    parts = [f"{pieces[0]}?"]
    for piece in pieces[1:]:
        leans = not names_a_subject(content_terms(piece)) or _POINTS_BACK.search(piece)
        said = {word.lower() for word in _WORD.findall(piece)}
        carried = [word for word in first if word.lower() not in said] if leans else []
        parts.append(" ".join([piece.removesuffix("please").strip(), *carried]) + "?")
    return tuple(parts)


def _telling(piece: str) -> list[str]:
    """Return the words of a part that tell its subject, as they stand in it."""
    words = [word for word in _WORD.findall(piece) if fold(word) not in STOP_WORDS]
    kept = [word for word in words if names_a_subject(content_terms(word))]
    return kept or words

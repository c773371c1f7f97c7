"""Compounds of languages that write them as one word: "Drehmoment" finds "Radmutterndrehmoment", and the reverse.

The words of the question say where a compound may be parted, and the vocabulary of the full text says whether what is
left of it is a word too; so neither a dictionary nor another index is needed. Asked only of knowledge bases in which
such a language is written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

# Words of German, Dutch, Swedish, Danish and Norwegian that most of their texts hold, and texts of others do not.
LANGUAGE_WORDS = ("und", "nicht", "het", "een", "och", "og")
SHARE = 0.05  # of the chunks that must hold one of them
_LINKS = ("", "s", "es", "n", "en", "er", "e", "ns", "ern")
_INFLECTIONS = ("en", "es", "er", "n", "s", "e")
_SHORTEST_PART = 3
_SHORTEST_TERM = 6
_SURE = 7  # letters of a part that stands in no other word by accident
_CUT = 4  # letters that the stemmer may have cut off a compound's end: "drehmo" is "drehmoment"
_SHORTEST_CUT = 4
_SHORTEST_BASE = 5
_MOST = 16  # compounds of one word


class Compounds:
    """The words of a full text that may be compounds, or parts of some.

    Args:
        terms: Its vocabulary as the tokenizer left it.
    """

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = {term for term in terms if term.isalpha() and len(term) >= _SHORTEST_PART}
        self._lines = "\n".join(["", *sorted(self._terms), ""])

    def holding(self, word: str) -> list[str]:
        """Return the terms that are compounds with a word in them, the shortest first."""
        base, sure = _base(word), len(word) >= _SURE
        if len(base) < _SHORTEST_PART:
            return []
        found = [term for term in self._with(base[:_SHORTEST_CUT]) if self._holds(term, base, sure=sure)]
        return sorted(found, key=len)[:_MOST]

    def parts(self, word: str) -> tuple[str, ...]:
        """Return the terms that a word is put together from; empty where it cannot be parted into such."""
        return self._parted(_fold(word), 4)

    def _parted(self, word: str, most: int) -> tuple[str, ...]:
        for at in range(len(word) - _SHORTEST_PART, _SHORTEST_PART - 1, -1):
            first = self._term(word[:at], linked=True)
            if not first:
                continue
            last = self._term(word[at:])
            if last:
                return first, last
            if most > 2 and (rest := self._parted(word[at:], most - 1)):
                return first, *rest
        return ()

    def _term(self, part: str, *, linked: bool = False) -> str:
        """Return the term that a part of a word is, in whatever form; empty where it is none."""
        forms = (
            [part[: len(part) - len(link)] for link in _LINKS if part.endswith(link)] if linked else [part]
        )
        for form in [*forms, _base(part)]:
            for end in ("", *_INFLECTIONS):
                if len(form) >= _SHORTEST_PART and form + end in self._terms:
                    return form + end
        return ""

    def _with(self, letters: str) -> Iterator[str]:
        """Yield the longer terms that letters stand in."""
        at = self._lines.find(letters)
        while at >= 0:
            start, end = self._lines.rindex("\n", 0, at) + 1, self._lines.index("\n", at)
            if end - start >= _SHORTEST_TERM:
                yield self._lines[start:end]
            at = self._lines.find(letters, end)

    def _holds(self, term: str, base: str, *, sure: bool) -> bool:
        at = term.find(base)
        if at < 0:  # the stemmer cut its end
            at = term.rfind(base[:_SHORTEST_CUT])
            tail = term[at:]
            if not (base.startswith(tail) and len(tail) >= max(_SHORTEST_CUT, len(base) - _CUT)):
                return False
            sure = sure and len(tail) > _SHORTEST_CUT
            before, after = term[:at], ""
        else:
            before, after = term[:at], term[at + len(base) :]
        after = "" if after in _LINKS else after
        if not before and not after:
            return False  # the word itself, in another form
        if 0 < len(before) < _SHORTEST_PART or 0 < len(after) < _SHORTEST_PART:
            return False
        return sure or all(not rest or self._is_part(rest) for rest in (before, after))

    def _is_part(self, rest: str) -> bool:
        """Whether what is left of a term is a word, or what other words begin with."""
        for link in _LINKS:
            if rest.startswith(link) and self._term(rest[len(link) :], linked=True):
                return True
        return len(rest) > _SHORTEST_PART and self._lines.count(f"\n{rest}") > 1


def _fold(word: str) -> str:
    """Return a word as the tokenizer writes it: small letters, without diacritics."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c))


def _base(word: str) -> str:
    """Return a word without its inflection, as it may stand within a compound."""
    word = _fold(word)
    for ending in _INFLECTIONS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_BASE:
            return word[: -len(ending)]
    return word

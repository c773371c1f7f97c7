"""The word of the full text that a misspelt one was meant to be."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ragedge.protocols import Int8

_SHORTEST = 4  # letters of a stem; of three, every other word is one slip away
_TWO_SLIPS_FROM = 8
# The stemmer cuts "alternator" to "altern" and leaves "alternatr" whole: a stem that begins it counts as a slip more.
_SHORTEST_BEGINNING = 5
_LONGEST_ENDING = 4


class Spelling:
    """The words of one full text, by first letter, read when they are first needed. May be shared by threads."""

    def __init__(self) -> None:
        self._words: tuple[int, dict[str, _Words]] = (-1, {})

    def nearest_token(self, connection: sqlite3.Connection, generation: int, token: str) -> str | None:
        """Return the commonest of the nearest tokens that begin with the same letter; None where none is near.

        One slip is a letter added, left out or changed, or two neighbours swapped; tokens of eight letters and more
        may have two. Tokens with a digit are names and are not corrected.
        """
        if len(token) < _SHORTEST or not (token.isascii() and token.isalpha()):
            return None
        known = self._words
        if known[0] != generation:
            known = self._words = (generation, {})
        words = known[1].get(token[0])
        if words is None:
            words = known[1][token[0]] = _words_with(connection, token[0])
        most = 2 if len(token) >= _TWO_SLIPS_FROM else 1
        near = [
            (slips, -words.counts[n], words.terms[n])
            for n in _alike(token, words, most)
            if (slips := _slips_or_ending(token, words.terms[n], most)) <= most
        ]
        return min(near)[2] if near else None


@dataclass(frozen=True, slots=True)
class _Words:
    """Terms, in how many rows each stands, and how often each holds each letter: (n,), (n,), (n, 26)."""

    terms: list[str]
    counts: list[int]
    letters: Int8


def _words_with(connection: sqlite3.Connection, first: str) -> _Words:
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab (main, fts, 'row')"
    )
    rows = connection.execute(
        "SELECT term, doc FROM temp.vocabulary WHERE term >= ? AND term < ? AND length(term) >= ?",
        [first, chr(ord(first) + 1), _SHORTEST],
    )
    found = [(term, count) for term, count in rows if term.isalpha()]
    terms = [term for term, _ in found]
    return _Words(terms, [count for _, count in found], _letters(terms))


def _letters(words: Sequence[str]) -> Int8:
    """Count letters from a to z: (len(words), 26)."""
    counts = np.zeros((len(words), 26), np.int8)
    for row, word in enumerate(words):
        for letter in word.encode("ascii", "ignore"):
            if 97 <= letter <= 122:
                counts[row, letter - 97] += 1
    return counts


def _alike(token: str, words: _Words, most: int) -> list[int]:
    """Return which words can be within so many slips: a slip changes at most two counts of letters by one."""
    lengths = np.array([len(term) for term in words.terms], np.int64)
    far = np.abs(words.letters - _letters([token])).sum(axis=1)
    near = far <= 2 * most
    for length in range(_SHORTEST_BEGINNING, len(token)):  # one slip is the ending that was cut off
        beginning = np.abs(words.letters - _letters([token[:length]])).sum(axis=1)
        near |= (lengths == length) & (beginning <= 2 * (most - 1))
    return np.flatnonzero(
        near & (lengths >= len(token) - _LONGEST_ENDING) & (lengths <= len(token) + most)
    ).tolist()


def _slips_or_ending(token: str, term: str, most: int) -> int:
    slips = _slips(token, term, most)
    if len(token) > len(term) >= _SHORTEST_BEGINNING:
        slips = min(slips, 1 + _slips(token[: len(term)], term, most))
    return slips


def _slips(one: str, other: str, most: int) -> int:
    """Return the number of slips between two words, or more than ``most`` as soon as it must be more.

    Optimal string alignment: Damerau, "A technique for computer detection and correction of spelling errors", 1964.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        older, before, row = before, row, [i]
        for j, counterpart in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != counterpart))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == counterpart:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return row[-1]

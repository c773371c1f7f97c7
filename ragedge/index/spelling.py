"""The word of the full text that a misspelt one was meant to be."""

from __future__ import annotations

import sqlite3

_SHORTEST = 4  # letters of a stem; of three, every other word is one slip away
_TWO_SLIPS_FROM = 8
# The stemmer cuts "alternator" to "altern" and leaves "alternatr" whole: a stem that begins it counts as a slip more.
_SHORTEST_BEGINNING = 5
_LONGEST_ENDING = 4


def nearest_token(connection: sqlite3.Connection, token: str) -> str | None:
    """Return the commonest of the nearest tokens that begin with the same letter; None where none is near.

    One slip is a letter added, left out or changed, or two neighbours swapped; tokens of eight letters and more
    may have two. Tokens with a digit are names and are not corrected.
    """
    if len(token) < _SHORTEST or not (token.isascii() and token.isalpha()):
        return None
    most = 2 if len(token) >= _TWO_SLIPS_FROM else 1
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab (main, fts, 'row')"
    )
    rows = connection.execute(
        "SELECT term, doc FROM temp.vocabulary WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
        [token[0], chr(ord(token[0]) + 1), max(len(token) - _LONGEST_ENDING, _SHORTEST), len(token) + most],
    )
    near = [
        (slips, -count, term)
        for term, count in rows
        if term.isalpha() and (slips := _slips_or_ending(token, term, most)) <= most
    ]
    return min(near)[2] if near else None


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

"""Other names that the documents themselves give: ``Electronic Control Unit (ECU)``, ``ECU: electronic control unit``.

Looked up when a question is asked, in the chunks that hold the short name, so that nothing is kept on the disk that
could outlive its document. A long name counts only if its words' first letters spell the short one.

Source: Schwartz, Hearst, "A simple algorithm for identifying abbreviation definitions in biomedical text", PSB 2003;
stricter here, for nobody checks what is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ragedge.retrieve.query import STOP_WORDS

if TYPE_CHECKING:
    from ragedge.index.store import Store

_WORD = re.compile(r"[^\W_]+")
_BREAK = re.compile(r"[.;:(),|\n](?=\s|$)")
# What follows a short name that it explains: in brackets, after a mark, or in the next column.
_EXPLAINED = re.compile(r"\s*\(([^()]+)\)|[ \t]*[:=|\t–—-][ \t]*([^\n.;()|]+)|[ \t]{2,}([^\n.;()|]+)")
_CAPITALS = re.compile(r"[A-Z][A-Za-z0-9]*[A-Z0-9]s?")
_SMALL = frozenset(
    {"a", "an", "and", "by", "de", "der", "die", "des", "for", "in", "of", "on", "or", "the", "to", "und"}
)
_LEAST, _MOST = 2, 8  # letters of a short name
_LEAST_READ_BACK = 3  # of one that a question's own words spell: of two letters, chance spells too many
# Chunks read for one short name; those of one that is used more often need no other.
_ROWS = 40
_LONGEST_GUESS = 5
_MOST_KEPT = 2000


class Abbreviations:
    """Of one knowledge base. May be shared by threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: tuple[int, dict[str, tuple[str, ...]]] = (-1, {})

    def other_names(self, question: str) -> list[str]:
        """Return the long names of short ones in a question, and the short names of long ones; often none.

        A name is worth adding where the documents use it more than the one that was asked with.
        """
        words = _WORD.findall(question)
        short = {
            word.removesuffix("s").lower()
            for word in words
            if (_CAPITALS.fullmatch(word) and len(word) <= _MOST)
            or (_LEAST <= len(word) <= _LONGEST_GUESS and word.isalpha() and word.lower() not in STOP_WORDS)
        }
        spelt = dict(_spelt(words))
        held = self._held([*short, *spelt])
        found: list[str] = []
        for name in sorted(short):
            if 0 < held[name] <= _ROWS:
                found += [
                    long
                    for long in self._long_names(name)
                    if long not in question.lower() and self._rows(f'"{long}"') > held[name]
                ]
        for name, run in spelt.items():
            if held[name] and run in self._long_names(name) and held[name] > self._rows(f'"{run}"'):
                found.append(name)
        return list(dict.fromkeys(found))

    def _held(self, names: list[str]) -> dict[str, int]:
        """Return how many chunks hold each name, of one word."""
        tokens = self._store.words.word_tokens(names)
        counts = self._store.words.document_counts([token for name in names for token in tokens[name]])
        return {name: min((counts[token] for token in tokens[name]), default=0) for name in names}

    def _rows(self, phrase: str) -> int:
        return len(self._store.words.rows_of(phrase))

    def _long_names(self, name: str) -> tuple[str, ...]:
        """Return the long names of a short one, lower case."""
        generation = self._store.generation()
        known = self._known
        if known[0] != generation or len(known[1]) > _MOST_KEPT:
            known = self._known = (generation, {})
        if name not in known[1]:
            rows = self._store.words.rows_of(f'"{name}"')[:_ROWS]
            texts = (f"{chunk.context}\n{chunk.text}" for chunk in self._store.hits(rows))
            found = (long for text in texts for long in long_names(name, text))
            known[1][name] = tuple(dict.fromkeys(found))[:2]
        return known[1][name]


def long_names(name: str, text: str) -> Iterator[str]:
    """Yield the long names, lower case, that a text gives for a short one.

    Args:
        name: The short name, in any case; in the text it must have capitals.
        text: Of a passage.
    """
    short = rf"(?<!\w){re.escape(name)}s?(?!\w)"
    for match in re.finditer(short, text, re.IGNORECASE):
        if sum(letter.isupper() for letter in match.group()) < _LEAST:
            continue
        before, after = (
            text[max(0, match.start() - 120) : match.start()],
            text[match.end() : match.end() + 120],
        )
        if before.endswith("(") and after.startswith(")"):
            said, from_end = _BREAK.split(before[:-1].rstrip())[-1].strip(), True
        else:
            inside = _EXPLAINED.match(after)
            if inside is None:
                continue
            said, from_end = next(part for part in inside.groups() if part is not None).strip(" ,:;|"), False
        found = _spelling_run(said, name, from_end=from_end)
        if found:
            yield found


def _spelling_run(said: str, name: str, *, from_end: bool) -> str | None:
    """Return the words at one end of what was said whose first letters spell a name, lower case."""
    for separator in (r"\s+", r"[\s/-]+"):  # anti-lock is one word, or two
        run = re.split(separator, said)
        for count in range(_LEAST, min(len(run), 2 * len(name)) + 1):
            words = run[-count:] if from_end else run[:count]
            if _spells(words, name):
                return " ".join(words).lower()
    return None


def _spells(words: list[str], name: str) -> bool:
    words = [word.lower() for word in words if word]
    if not words or not words[0][0].isalnum() or any(not word[0].isalnum() for word in words):
        return False
    telling = [word for word in words if word not in _SMALL]
    return words[0] in telling and any(
        "".join(w[0] for w in some) == name.lower() for some in (words, telling)
    )


def _spelt(words: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what runs of a question's words spell by their first letters, each with the run."""
    lower = [word.lower() for word in words]
    for start in range(len(lower)):
        for end in range(start + _LEAST_READ_BACK, min(len(lower), start + _MOST) + 1):
            run = lower[start:end]
            if run[0] not in STOP_WORDS and run[-1] not in STOP_WORDS and all(word.isalpha() for word in run):
                yield "".join(word[0] for word in run if word not in _SMALL), " ".join(run)

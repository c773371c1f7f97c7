"""Questions made from a knowledge base: some that its own words answer, and decoys that come near and are not answered.

A decoy keeps the shape of an answerable question and changes one thing, as near misses do: the code or number is
another one (``QE20`` for ``QE16``), the value asked for stands nowhere beside the subject (the price of a bolt), or
the rarest word gives way to one of another part of the documents. Each is checked against the full text: what is
asked together must not stand together.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragedge.generate.sentences import cells, flat, read_units
from ragedge.generate.terms import STOP_WORDS, is_code
from ragedge.index.rows import StoredChunk
from ragedge.index.store import Store
from ragedge.retrieve.word_counts import word_counts

_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")
_WORDS = (3, 7)  # of a question, stop words left out
_LONGEST = 60  # characters of a cell that names something
_ATTRIBUTES = {
    "en": (
        "price",
        "weight",
        "colour",
        "warranty",
        "torque",
        "voltage",
        "thickness",
        "manufacturer",
        "temperature",
    ),
    "de": ("Preis", "Gewicht", "Farbe", "Garantie", "Drehmoment", "Spannung", "Hersteller", "Temperatur"),
}
_GERMAN = re.compile(r"\b(?:der|die|das|und|nicht|ist|mit|für|werden)\b")
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True)
class Probe:
    """A question whose answer is known to stand in the documents, or known not to."""

    text: str
    answerable: bool


def make_probes(store: Store, count: int, *, seed: int = 0) -> Iterator[Probe]:
    """Yield questions, an answerable one and a decoy in turn; the same for the same documents and seed.

    Args:
        store: The documents.
        count: How many at most; fewer where the documents hold too little that can be asked about.
        seed: Of the draw.
    """
    draw = random.Random(seed)  # noqa: S311 -- a draw of questions, no secret
    rows = store.row_ids().tolist()
    chunks = store.hits(draw.sample(rows, min(len(rows), 2 * count)))
    subjects = [(chunk, words) for chunk in chunks if (words := _subject(chunk, draw))]
    strangers = [word for _, words in subjects for word in words if word.isalpha() and len(word) > 4]
    made = 0
    for number, (chunk, words) in enumerate(subjects):
        if made >= count:
            return
        decoy = _decoy(store, chunk, words, strangers, number, draw)
        if decoy is not None:
            yield Probe(_asked(words), answerable=True)
            yield Probe(decoy, answerable=False)
            made += 2


def _asked(words: Sequence[str]) -> str:
    return f"{' '.join(words)}?"


def _subject(chunk: StoredChunk, draw: random.Random) -> list[str]:
    """Return the words of a question that a unit of the chunk answers; none where no unit says enough."""
    if chunk.metadata.get("contents") is True:
        return []
    units = [u for u in read_units(chunk.text) if u.kind in ("row", "sentence", "step")]
    draw.shuffle(units)
    for unit in units:
        text = flat(chunk.text[unit.start : unit.end])
        if unit.kind == "row":
            named = [cell for cell in cells(text) if any(c.isalpha() for c in cell) and len(cell) <= _LONGEST]
            if len(cells(text)) < 2 or not named:
                continue
            words = _telling(" ".join(named[:2]))
        else:
            words = _telling(text)
            # Nobody asks in the manual's own words, all of them.
            words = [word for place, word in enumerate(words) if place % 3 != 2]
        words = words[: _WORDS[1]]
        if len(words) >= _WORDS[0]:
            return words
    return []


def _telling(text: str) -> list[str]:
    """Return a text's words that carry meaning; of numbers only those that are part of a name."""
    if _CJK.search(text):
        return list(re.findall(r"[\u30a0-\u30ff\u4e00-\u9fffA-Za-z0-9]{2,12}", text))
    words = [word for word in _WORD.findall(text) if word.lower() not in STOP_WORDS and len(word) > 1]
    return list(dict.fromkeys(word for word in words if not word[0].isdigit() or is_code(word)))


def _decoy(
    store: Store,
    chunk: StoredChunk,
    words: Sequence[str],
    strangers: Sequence[str],
    number: int,
    draw: random.Random,
) -> str | None:
    makers = [_other_code, _other_attribute, _other_subject]
    for turn in range(len(makers)):
        found = makers[(number + turn) % len(makers)](store, chunk, words, strangers, draw)
        if found:
            return _asked(found)
    return None


def _other_code(
    store: Store, chunk: StoredChunk, words: Sequence[str], strangers: Sequence[str], draw: random.Random
) -> list[str] | None:
    """Give a code other digits, until nothing in the documents bears it."""
    for place, word in enumerate(words):
        if is_code(word):
            for _ in range(4):
                other = re.sub(r"\d", lambda m: str((int(m.group()) + draw.randint(1, 8)) % 10), word)
                if other != word and not word_counts(store, other).get(other, 1):
                    return [*words[:place], other, *words[place + 1 :]]
    return None


def _other_attribute(
    store: Store, chunk: StoredChunk, words: Sequence[str], strangers: Sequence[str], draw: random.Random
) -> list[str] | None:
    """Ask for something else of the subject, which no chunk says of it."""
    if _CJK.search(" ".join(words)):
        return None
    offered = list(_ATTRIBUTES["de" if len(_GERMAN.findall(chunk.text)) > 2 else "en"])
    draw.shuffle(offered)
    kept = list(words[: _WORDS[0]])
    for attribute in offered:
        if not _together(store, attribute, kept):
            return [attribute, *kept]
    return None


def _other_subject(
    store: Store, chunk: StoredChunk, words: Sequence[str], strangers: Sequence[str], draw: random.Random
) -> list[str] | None:
    """Put a word of another part of the documents in the place of the rarest."""
    counts = word_counts(store, " ".join(words))
    rarest = min(words, key=lambda word: counts.get(word, math.inf))
    left = [word for word in words if word != rarest]
    for _ in range(4):
        other = draw.choice(strangers) if strangers else rarest
        if other not in words and not _together(store, other, left):
            return [other if word == rarest else word for word in words]
    return None


def _together(store: Store, word: str, others: Sequence[str]) -> bool:
    """Whether some chunk holds a word together with any of the rarer half of others."""
    counts = word_counts(store, " ".join(others))
    rare = sorted(others, key=lambda other: counts.get(other, math.inf))[: max(1, len(others) // 2)]
    mine, theirs = (
        [
            phrase
            for tokens in store.words.stems([w.lower() for w in found])
            for token in tokens
            if (phrase := store.words.phrase(token))
        ]
        for found in ([word], rare)
    )
    if not mine or not theirs:
        return True
    return len(store.words.search(f"({' AND '.join(mine)}) AND ({' OR '.join(theirs)})", 1)[0]) > 0

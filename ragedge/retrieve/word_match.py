"""How a passage holds the question's words: how many of them, how close together, in which order.

BM25 counts words one by one: a passage that repeats one of them beats one that holds them all in a sentence,
and a short piece of a page beats the page that holds the rest. Three shares, each of the question's words
weighted by how rare they are, tell those apart:

- cover: words that stand on the page, headings above it included;
- window: words that stand within one window of the passage, about a long sentence;
- phrase: neighbouring words of the question that stand side by side in the passage.

Source: Tao, Zhai, "An exploration of proximity measures in information retrieval", SIGIR 2007; Metzler, Croft,
"A Markov random field model for term dependencies", SIGIR 2005.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Weights in units of a question's best full-text match; chosen on development sets that
# benchmarks/fit_word_match.py reads.
COVER = 1.2
WINDOW = 0.8
PHRASE = 1.6
# Words of a long question that stand anywhere say little: over this many, the weights shrink in proportion.
_SHORT_QUESTION = 5
_WINDOW_WORDS = 25
_SIDE_BY_SIDE = 2  # one word in between: "torque of plug"


@dataclass(frozen=True, slots=True)
class Held:
    """What a passage holds of a question; shares from 0 to 1."""

    terms: frozenset[str]
    window: float
    phrase: float


class WordMatch:
    """The words of one question, to compare passages with."""

    def __init__(self, weights: Mapping[str, float], count: int) -> None:
        """Take a question's terms.

        Args:
            weights: Its terms in order, each with its weight (inverse document frequency, say).
            count: How many terms the question has, those that stand nowhere included.
        """
        self._weights = weights
        self._whole = sum(weights.values()) or 1.0
        terms = list(weights)
        self._pairs = {(a, b): min(weights[a], weights[b]) for a, b in itertools.pairwise(terms)}
        self._pairs_whole = sum(self._pairs.values()) or 1.0
        self._scale = min(1.0, _SHORT_QUESTION / max(count, 1))

    def read(self, places: Sequence[tuple[int, str]], above: frozenset[str]) -> Held:
        """Compare a passage.

        Args:
            places: Where the question's terms stand in it, by number of the word, ascending.
            above: Those that stand in the headings above it.
        """
        if not places:
            return Held(above, 0.0, 0.0)
        terms = above.union([term for _, term in places])
        return Held(terms, self._window(places), self._phrase(places))

    def score(self, held: Held, on_page: frozenset[str]) -> float:
        """Return what a passage's words are worth.

        Args:
            held: The passage's.
            on_page: Terms that stand anywhere on its page.
        """
        cover, window, phrase = self.shares(held, on_page)
        return COVER * cover + WINDOW * window + PHRASE * phrase

    def shares(self, held: Held, on_page: frozenset[str]) -> tuple[float, float, float]:
        """Return cover, window and phrase, made smaller for a long question."""
        cover = sum(self._weights[term] for term in on_page) / self._whole
        return self._scale * cover, self._scale * held.window, self._scale * held.phrase

    def _window(self, places: Sequence[tuple[int, str]]) -> float:
        inside: Counter[str] = Counter()
        first, total, best = 0, 0.0, 0.0
        for place, token in places:
            if not inside[token]:
                total += self._weights[token]
            inside[token] += 1
            while place - places[first][0] > _WINDOW_WORDS:
                gone = places[first][1]
                inside[gone] -= 1
                if not inside[gone]:
                    total -= self._weights[gone]
                first += 1
            best = max(best, total)
        return best / self._whole

    def _phrase(self, places: Sequence[tuple[int, str]]) -> float:
        found: set[tuple[str, str]] = set()
        for n, (place, token) in enumerate(places, 1):
            while n < len(places) and places[n][0] <= place + _SIDE_BY_SIDE:
                if places[n][0] > place:
                    found.add((token, places[n][1]))
                n += 1
        return sum(weight for pair, weight in self._pairs.items() if pair in found) / self._pairs_whole

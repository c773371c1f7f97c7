"""The words of a knowledge base: what holds them, how they are spelt there, how common they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ragedge.index import full_text
from ragedge.index.compounds import LANGUAGE_WORDS, SHARE, Compounds
from ragedge.index.connections import Connections
from ragedge.index.spelling import Spelling
from ragedge.index.term_rankings import TermRankings, Weights, held_by, summed
from ragedge.index.terms import digits_of

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64

_MOST_KEPT = 50_000  # tokens whose counts are remembered


class Words:
    """Of one knowledge base; ``Store.words``. May be shared by threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._stemmer = full_text.Stemmer()
        self._rankings = TermRankings()
        self._spelling = Spelling()
        self._frequencies: tuple[int, dict[str, int]] = (-1, {})
        self._compounds: tuple[int, Compounds | None] = (-1, None)
        self._digits: tuple[int, dict[str, list[str]]] = (-1, {})

    def close(self) -> None:
        """Close what tells stems."""
        self._stemmer.close()

    def search(self, match: str, limit: int) -> tuple[Int64, Float32]:
        """Rank rows by BM25 under any FTS5 expression; see ``full_text.search``."""
        with self._connections.read() as connection:
            return full_text.search(connection, match, limit)

    def ranked(
        self,
        phrases: Sequence[str],
        limit: int,
        allowed: Int64 | None = None,
        *,
        weights: Weights = (1.0, 1.0, 1.0),
    ) -> tuple[Int64, Float32]:
        """Rank rows by the BM25 of several terms.

        Args:
            phrases: An FTS5 expression of one term each; see ``phrase``.
            limit: Most rows to return.
            allowed: Ids that may come back, (n,); None allows all.
            weights: Of heading, body and codes.

        Returns:
            ids: (k,), best first; equal scores by id.
            scores: (k,), BM25, higher is better.
        """
        with self._connections.read() as connection:
            generation = self._connections.generation()
            parts = [self._rankings.of(connection, generation, phrase, weights) for phrase in phrases]
        return summed(parts, limit, allowed)

    def rows_of(self, phrase: str) -> list[int]:
        """Return the rows, by id, that an FTS5 expression of one term or of neighbouring words matches."""
        with self._connections.read() as connection:
            part = self._rankings.of(connection, self._connections.generation(), phrase, (1.0, 1.0, 1.0))
        rows: list[int] = part[0].tolist()
        return rows

    def holding(self, phrase: str, rows: Sequence[int]) -> set[int]:
        """Return which of a few rows an FTS5 expression of one term matches."""
        with self._connections.read() as connection:
            part = self._rankings.of(connection, self._connections.generation(), phrase, (1.0, 1.0, 1.0))
        return held_by(part, rows)

    def phrase(self, token: str) -> str | None:
        """Return an FTS5 expression that matches one token of the full text; see ``full_text.Stemmer.phrase``."""
        return self._stemmer.phrase(token)

    def stems(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tokens that each text becomes in the full text."""
        return self._stemmer.tokens(words)

    def word_tokens(self, words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the tokens that single words become, at least of those given."""
        return self._stemmer.word_tokens(words)

    def nearest_token(self, token: str) -> str | None:
        """Return the token of the full text that a misspelt one was meant to be; see ``spelling``."""
        with self._connections.read() as connection:
            return self._spelling.nearest_token(connection, self._connections.generation(), token)

    def codes_of_digits(self, digits: str) -> list[str]:
        """Return the codes of digits and marks that have these digits: those of 4730-00-954-1281 for 4730009541281.

        A code with letters is spelt without its marks anyway; see ``terms``.
        """
        with self._connections.read() as connection:
            generation = self._connections.generation()
            if self._digits[0] != generation:
                known: dict[str, list[str]] = {}
                for token in full_text.vocabulary(connection):
                    if (held := digits_of(token)) is not None:
                        known.setdefault(held, []).append(token)
                self._digits = (generation, known)
        return self._digits[1].get(digits, [])

    def compounds(self, words: Sequence[str]) -> dict[str, list[str]]:
        """Return for some words the tokens of compounds that hold them, or of the words that one is a compound of.

        Nothing in a language that does not write compounds as one word; see ``compounds``.
        """
        common = self.document_counts(LANGUAGE_WORDS)
        if sum(common[word] for word in LANGUAGE_WORDS) < SHARE * max(common[""], 1):
            return {}
        with self._connections.read() as connection:
            generation = self._connections.generation()
            if self._compounds[0] != generation:
                self._compounds = (generation, Compounds(full_text.vocabulary(connection)))
        known = self._compounds[1]
        assert known is not None
        found = {word: known.holding(word) for word in words if word.isalpha()}
        tokens = self.word_tokens(found)
        counts = self.document_counts([token for word in found for token in tokens[word]])
        for word, held in found.items():
            if not held and not any(counts[token] for token in tokens[word]):
                held.extend(known.parts(word))
        return {word: held for word, held in found.items() if held}

    def document_counts(self, tokens: Sequence[str]) -> dict[str, int]:
        """Return in how many chunks each token stands, and under ``""`` how many chunks there are."""
        with self._connections.read() as connection:
            generation = self._connections.generation()
            known = self._frequencies[1] if self._frequencies[0] == generation else {}
            missing = [token for token in {*tokens, ""} if token not in known]
            if missing:
                counts = dict(zip(missing, full_text.document_counts(connection, missing), strict=True))
                if "" in counts:
                    counts[""] = connection.execute("SELECT count(*) FROM vectors").fetchone()[0]
                # A new mapping, not a changed one: other threads may be reading it.
                known = (known if len(known) < _MOST_KEPT else {"": known[""]}) | counts
                self._frequencies = (generation, known)
        return {token: known[token] for token in (*tokens, "")}

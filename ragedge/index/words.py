"""The words of a knowledge base: what holds them, how they are spelt there, how common they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ragedge.index import full_text, manifest, spelling
from ragedge.index.connections import Connections

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64

_MOST_KEPT = 50_000  # tokens whose counts are remembered


class Words:
    """Of one knowledge base; ``Store.words``. May be shared by threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._stemmer = full_text.Stemmer()
        self._frequencies: tuple[int, dict[str, int]] = (-1, {})

    def close(self) -> None:
        """Close what tells stems."""
        self._stemmer.close()

    def search(
        self,
        match: str,
        limit: int,
        allowed: Int64 | None = None,
        *,
        weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    ) -> tuple[Int64, Float32]:
        """Rank rows by BM25; see ``full_text.search``."""
        with self._connections.read() as connection:
            return full_text.search(connection, match, limit, allowed, weights)

    def holding(self, match: str, rows: Sequence[int]) -> set[int]:
        """Return which of a few rows a full-text expression matches."""
        with self._connections.read() as connection:
            return full_text.holding(connection, match, rows)

    def stems(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tokens that each text becomes in the full text."""
        return self._stemmer.tokens(words)

    def word_tokens(self, words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the tokens that single words become, at least of those given."""
        return self._stemmer.word_tokens(words)

    def nearest_token(self, token: str) -> str | None:
        """Return the token of the full text that a misspelt one was meant to be; see ``spelling``."""
        with self._connections.read() as connection:
            return spelling.nearest_token(connection, token)

    def document_counts(self, tokens: Sequence[str]) -> dict[str, int]:
        """Return in how many chunks each token stands, and under ``""`` how many chunks there are."""
        with self._connections.read() as connection:
            generation = manifest.generation(connection)
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

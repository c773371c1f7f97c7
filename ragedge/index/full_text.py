"""Full text over chunks: FTS5 with the columns heading, body and codes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ragedge.index.schema import TOKENIZER
from ragedge.index.terms import exact_terms

if TYPE_CHECKING:
    from ragedge.protocols import Float32, Int64


_ROW = np.dtype([("id", np.int64), ("score", np.float64)])
# What turns a stem into a word again, the likeliest first.
_ENDINGS = ("", "e", "s", "es", "ing", "ed", "y", "ion", "ive", "al", "able")
# About 10 MB; a manual has some ten thousand.
_MOST_KNOWN_WORDS = 50_000


def columns(heading: Sequence[str], context: str, text: str) -> tuple[str, str, str]:
    """Return what a chunk's heading, body and codes columns hold.

    A pure function of the stored chunk: the table keeps no text of its own, so deleting a row needs the
    same words again.
    """
    head = "\n".join(heading)
    body = f"{context}\n{text}" if context else text
    return head, body, " ".join(exact_terms(f"{head}\n{body}"))


def add(connection: sqlite3.Connection, rows: Iterable[tuple[int, tuple[str, str, str]]]) -> None:
    """Index rows under their ids."""
    connection.executemany(
        "INSERT INTO fts (rowid, heading, body, codes) VALUES (?, ?, ?, ?)",
        ((row, *texts) for row, texts in rows),
    )


def remove(connection: sqlite3.Connection, rows: Iterable[tuple[int, tuple[str, str, str]]]) -> None:
    """Take rows out again; the texts must be those that were added."""
    connection.executemany(
        "INSERT INTO fts (fts, rowid, heading, body, codes) VALUES ('delete', ?, ?, ?, ?)",
        ((row, *texts) for row, texts in rows),
    )


def clear(connection: sqlite3.Connection) -> None:
    """Empty the table, to be filled again."""
    connection.execute("INSERT INTO fts (fts) VALUES ('delete-all')")


def forget_removed(connection: sqlite3.Connection) -> None:
    """Merge the table into one segment: removed words stand in older segments until that happens."""
    connection.execute("INSERT INTO fts (fts) VALUES ('optimize')")


def search(connection: sqlite3.Connection, match: str, limit: int) -> tuple[Int64, Float32]:
    """Rank rows by BM25.

    Args:
        connection: Where.
        match: An FTS5 expression.
        limit: Most rows to return.

    Returns:
        ids: (k,), best first.
        scores: (k,), BM25, higher is better.
    """
    sql = "SELECT rowid, bm25(fts) AS score FROM fts WHERE fts MATCH ? ORDER BY score LIMIT ?"
    return _ranking(connection.execute(sql, [match, limit]))


def matching(
    connection: sqlite3.Connection, match: str, weights: tuple[float, float, float]
) -> tuple[Int64, Float32]:
    """Return every row that an FTS5 expression matches: ids (n,) ascending, and BM25 (n,) above zero.

    Args:
        connection: Where.
        match: An FTS5 expression.
        weights: Of heading, body and codes.
    """
    sql = "SELECT rowid, bm25(fts, ?, ?, ?) FROM fts WHERE fts MATCH ? ORDER BY rowid"
    return _ranking(connection.execute(sql, [*weights, match]))


def _ranking(found: Iterable[tuple[int, float]]) -> tuple[Int64, Float32]:
    rows = np.fromiter(found, _ROW)
    # FTS5 hands out the negative, so that ascending order is best first: sqlite.org/fts5.html.
    return rows["id"].copy(), -rows["score"].astype(np.float32)


class Stemmer:
    """Tells which token a word becomes in the table, by asking FTS5 itself."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._scratch = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self._scratch.execute(
            f"CREATE VIRTUAL TABLE words USING fts5 (word, content = '', tokenize = '{TOKENIZER}')"
        )
        self._scratch.execute("CREATE VIRTUAL TABLE tokens USING fts5vocab (words, 'instance')")
        self._known: dict[str, tuple[str, ...]] = {}

    def tokens(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the tokens of each text, in order."""
        found: list[list[str]] = [[] for _ in texts]
        with self._guard:
            self._scratch.execute("INSERT INTO words (words) VALUES ('delete-all')")
            self._scratch.executemany("INSERT INTO words (rowid, word) VALUES (?, ?)", enumerate(texts, 1))
            for row, token in self._scratch.execute("SELECT doc, term FROM tokens ORDER BY doc, offset"):
                found[row - 1].append(token)
        return [tuple(tokens) for tokens in found]

    def word_tokens(self, words: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
        """Return the tokens of single words, at least of those given; the same words come again and again."""
        if len(self._known) > _MOST_KNOWN_WORDS:
            self._known = {}
        known = self._known
        missing = list({word for word in words if word not in known})
        if missing:
            known.update(zip(missing, self.tokens(missing), strict=True))
        return known

    def phrase(self, token: str) -> str | None:
        """Return an FTS5 expression that matches one token; None where no word is known that becomes it.

        FTS5 stems what it is asked for as well, and the stem of a stem is often another: asked for ``diseas``, it
        would look for ``disea``. So a word is found that becomes the token, by putting endings to it.
        """
        words = [token + ending for ending in _ENDINGS]
        tokens = self.word_tokens(words)
        return next((f'"{word}"' for word in words if tokens[word] == (token,)), None)

    def close(self) -> None:
        """Close the scratch database."""
        self._scratch.close()


def vocabulary(connection: sqlite3.Connection) -> list[str]:
    """Return every token of the table."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab (main, fts, 'row')"
    )
    return [term for (term,) in connection.execute("SELECT term FROM temp.vocabulary")]


def document_counts(connection: sqlite3.Connection, tokens: Sequence[str]) -> list[int]:
    """Return in how many rows each token stands."""
    connection.execute(
        "CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary USING fts5vocab (main, fts, 'row')"
    )
    counts = []
    for token in tokens:
        row = connection.execute("SELECT doc FROM temp.vocabulary WHERE term = ?", [token]).fetchone()
        counts.append(row[0] if row else 0)
    return counts

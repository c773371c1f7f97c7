"""Turns a question into an FTS5 expression that cannot fail, whatever the question holds.

Only quoted tokens joined by OR reach FTS5, so its syntax (``NEAR``, ``-``, ``:``, ``*``, quotes, brackets)
means nothing. Words that stand in most chunks are dropped: FTS5 has no early termination, so a stop word
costs a pass over nearly every row and tells nothing apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ragedge.index.store import Store
from ragedge.index.terms import cjk_pairs, exact_terms

_WORD = re.compile(r"[^\W_]+")
# Read for its terms; what a person asks is shorter, and a page pasted in is told by its rarest words.
_MOST_TERMS = 32
_MOST_WORDS = 512
# Words in a larger share of the chunks are dropped, as long as a rarer one stays.
_COMMON_SHARE = 0.3

# A code that stands in more chunks than this names a topic, not a place.
_RARE_CODE_SHARE = 0.002
_RARE_CODE_ROWS = 5

STOP_WORDS = frozenset(
    """
    a about above after again against all am an and any are as at be because been before being below
    between both but by can could did do does doing down during each few for from further had has have
    having he her here hers him his how i if in into is it its itself just let may me might more most
    must my myself no nor not now of off on once only or other our ours out over own same shall she
    should so some such than that the their theirs them then there these they this those through to too
    under until up upon us very was we were what when where which while who whom why will with would you
    your yours tell please does don doesn isn aren t s re ve ll d m
    """.split()  # noqa: SIM905 -- read as prose
)


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What full text is asked.

    Attributes:
        match: The FTS5 expression; empty where the question holds nothing to look for.
        stems: Tokens it looks for, with the share of chunks that hold each.
        codes: FTS5 expressions of the rare exact terms among them, each with its weight; they sum to 1.
        named: FTS5 expressions of all exact terms that stand anywhere, rare or not, with theirs; the same.
        terms: Its telling words as they stand in the full text, in order, each with its weight; those that
            stand nowhere are left out.
        length: How many telling words it has, two CJK pairs counting as one.
    """

    match: str
    stems: dict[str, float]
    codes: dict[str, float]
    named: dict[str, float]
    terms: dict[str, float]
    length: int


def build_query(question: str, store: Store) -> TextQuery:
    """Build the full-text query of a cleaned question.

    Args:
        question: From ``clean_question``.
        store: Tells how its tokens are spelt and how common they are.
    """
    words = list(dict.fromkeys(_WORD.findall(question.lower())))[:_MOST_WORDS]
    codes = list(dict.fromkeys(exact_terms(question)))[:_MOST_WORDS]
    telling = [word for word in words if word not in STOP_WORDS] or words
    stems = list(dict.fromkeys(token for tokens in store.stems(telling) for token in tokens))
    in_order = list(dict.fromkeys(passage_tokens(" ".join(telling), store)))
    counts = store.document_counts([*stems, *codes, *in_order])
    total = max(counts[""], 1)
    present = [token for token in dict.fromkeys([*codes, *stems]) if counts[token]]
    rare = _rarest(present, counts, total)
    named = {
        token: math.log(1 + total / counts[token]) for token in codes if _is_code(token) and counts[token]
    }
    telling_codes = {
        token: math.log(total / counts[token])
        for token in named
        if counts[token] <= max(_RARE_CODE_SHARE * total, _RARE_CODE_ROWS)
    }
    return TextQuery(
        " OR ".join(f'"{token}"' for token in rare),
        {token: counts[token] / total for token in rare},
        _in_codes(telling_codes),
        _in_codes(named),
        {token: _rarity(counts[token], total) for token in in_order if counts[token]},
        sum(2 if _is_code(token) else 1 for token in in_order) // 2,
    )


def passage_tokens(text: str, store: Store) -> list[str]:
    """Return a text's words as the full text knows them, in order; of CJK its pairs of characters."""
    words = _WORD.findall(text.lower())
    known = store.word_tokens(words)
    tokens: list[str] = []
    for word in words:
        tokens += known[word] if word.isascii() else cjk_pairs(word) or known[word]
    return tokens


def _rarity(count: int, total: int) -> float:
    """Return BM25's weight of a token: Robertson, Zaragoza, "The probabilistic relevance framework", 2009."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))


def _in_codes(weights: dict[str, float]) -> dict[str, float]:
    whole = sum(weights.values()) or 1.0
    return {f'codes : "{token}"': weight / whole for token, weight in weights.items()}


def _is_code(token: str) -> bool:
    return token.isascii()  # pairs of CJK characters share the column


def _rarest(tokens: Sequence[str], counts: dict[str, int], total: int) -> list[str]:
    by_count = sorted(tokens, key=lambda token: counts[token])
    kept = [token for token in by_count if counts[token] <= _COMMON_SHARE * total]
    return (kept or by_count[:1])[:_MOST_TERMS]

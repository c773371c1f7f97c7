"""Turns a question into FTS5 expressions that cannot fail, whatever the question holds.

Only quoted tokens reach FTS5, one at a time, so its syntax (``NEAR``, ``-``, ``:``, ``*``, quotes, brackets)
means nothing. Words that stand in most chunks are dropped: FTS5 has no early termination, so a stop word
costs a pass over nearly every row and tells nothing apart.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ragedge.index.store import Store
from ragedge.index.terms import cjk_pairs, exact_terms

_WORD = re.compile(r"[^\W_]+")
# Read for its terms; what a person asks is shorter, and a page pasted in is told by its rarest words.
_MOST_TERMS = 32
_MOST_WORDS = 512
# Words in a larger share of the chunks are dropped, as long as a rarer one stays.
_COMMON_SHARE = 0.3
# ... and those that would bring the rows to be read over this many (about 10 ms), as long as three rarer ones stay.
# It bites from some 50,000 chunks on, and is not free: see docs/decisions/018.
_MOST_ROWS_READ = 40_000
_LEAST_TERMS = 3

# A code that stands in more chunks than this names a topic, not a place.
_RARE_CODE_SHARE = 0.002
_RARE_CODE_ROWS = 5
# A number of so many digits is a code: 8750082. Shorter ones are years, page numbers and amounts as often.
_LEAST_DIGITS = 5

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
        phrases: An FTS5 expression for each token; none where the question holds nothing to look for.
        stems: Tokens it looks for, with the share of chunks that hold each.
        codes: FTS5 expressions of the rare exact terms among them, each with its weight; they sum to 1.
        named: FTS5 expressions of all exact terms that stand anywhere, rare or not, with theirs; the same.
        terms: Its telling words as they stand in the full text, in order, each with its weight; those that
            stand nowhere are left out.
        length: How many telling words it has, two CJK pairs counting as one.
    """

    phrases: tuple[str, ...]
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
    codes = list(dict.fromkeys(exact_terms(question) + [word for word in words if _is_long_number(word)]))
    codes = codes[:_MOST_WORDS]
    telling = [word for word in words if word not in STOP_WORDS] or words
    tokens = store.words.word_tokens(telling)
    stems = list(dict.fromkeys(token for word in telling for token in tokens[word]))
    in_order = list(dict.fromkeys(token for word in telling for token in _tokens(word, tokens[word])))
    counts = store.words.document_counts([*stems, *codes, *in_order])
    spelt_with_marks = [
        code for number in codes if _is_long_number(number) and not counts[number]
        for code in store.words.codes_of_digits(number)
    ]  # fmt: skip
    if spelt_with_marks:
        codes += spelt_with_marks
        counts |= store.words.document_counts(spelt_with_marks)
    compounds = store.words.compounds(telling)
    within = {token: compounds[word] for word in compounds for token in tokens[word]}
    meant = {token: _standing_for(token, within, store) for token in stems if not counts[token]}
    if meant or within:
        in_order = [near for token in in_order for near in meant.get(token, (token,))]
        stems = [near for token in stems for near in (*meant.get(token, (token,)), *within.get(token, ()))]
        counts |= store.words.document_counts([*stems, *in_order])
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
        _phrases(rare, {word: tokens[word] for word in telling}, store),
        {token: counts[token] / total for token in rare},
        _in_codes(telling_codes),
        _in_codes(named),
        {token: _rarity(counts[token], total) for token in in_order if counts[token]},
        sum(2 if _is_code(token) else 1 for token in in_order) // 2,
    )


def _phrases(tokens: Sequence[str], words: Mapping[str, tuple[str, ...]], store: Store) -> tuple[str, ...]:
    """Return the FTS5 expressions of tokens; the question's words tell how to ask for those that nothing else does."""
    spelt = {found[0]: f'"{word}"' for word, found in words.items() if len(found) == 1}
    phrases = (store.words.phrase(token) or spelt.get(token) for token in tokens)
    return tuple(phrase for phrase in phrases if phrase)


def places_of_terms(
    terms: Collection[str], texts: Sequence[str], store: Store
) -> list[list[tuple[int, str]]]:
    """Return for each text the places where terms stand, by number of the word, each with the term, in order."""
    words_of = [_WORD.findall(text.lower()) for text in texts]
    # Stemming never changes the first letter, so most words need not be stemmed to be told apart.
    first = {term[0] for term in terms}
    words = [w for w in set().union(*words_of) if w[0] in first or not w.isascii()]
    tokens = store.words.word_tokens(words)
    telling = {
        word: found
        for word in words
        if (found := [(n, token) for n, token in enumerate(_tokens(word, tokens[word])) if token in terms])
    }
    if all(len(found) == 1 and found[0][0] == 0 for found in telling.values()):
        term_of = {word: found[0][1] for word, found in telling.items()}
        return [
            [(place, term_of[word]) for place, word in enumerate(in_text) if word in term_of]
            for in_text in words_of
        ]
    # A run of CJK is one word here and its pairs stand where it does, a place apart.
    return [
        sorted(
            (place + n, token)
            for place, word in enumerate(in_text)
            if word in telling
            for n, token in telling[word]
        )
        for in_text in words_of
    ]


def _standing_for(token: str, within: Mapping[str, Sequence[str]], store: Store) -> Sequence[str]:
    """Return the tokens that stand in the full text for one that does not: of compounds, or nearly spelt so."""
    if token in within:
        return within[token]
    near = store.words.nearest_token(token)
    return (near or token,)


def _tokens(word: str, stems: tuple[str, ...]) -> Sequence[str]:
    return stems if word.isascii() else cjk_pairs(word) or stems


def _rarity(count: int, total: int) -> float:
    """Return BM25's weight of a token: Robertson, Zaragoza, "The probabilistic relevance framework", 2009."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))


def _in_codes(weights: dict[str, float]) -> dict[str, float]:
    whole = sum(weights.values()) or 1.0
    # Plain numbers are left to the words, which have them in the other columns.
    return {
        f'"{token}"' if token.isdecimal() else f'codes : "{token}"': weight / whole
        for token, weight in weights.items()
    }


def _is_long_number(word: str) -> bool:
    return word.isdecimal() and word.isascii() and len(word) >= _LEAST_DIGITS


def _is_code(token: str) -> bool:
    return token.isascii()  # pairs of CJK characters share the column


def _rarest(tokens: Sequence[str], counts: dict[str, int], total: int) -> list[str]:
    by_count = sorted(tokens, key=lambda token: counts[token])
    kept = [token for token in by_count if counts[token] <= _COMMON_SHARE * total][:_MOST_TERMS]
    read = itertools.accumulate(counts[token] for token in kept)
    within = sum(rows <= _MOST_ROWS_READ for rows in read)
    return kept[: max(within, _LEAST_TERMS)] or by_count[:1]

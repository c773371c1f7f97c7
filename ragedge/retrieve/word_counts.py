"""How common the words of a question are in a knowledge base: what nobody wrote about is told by its absence."""

from __future__ import annotations

import re

from ragedge.index.store import Store
from ragedge.index.terms import exact_terms
from ragedge.retrieve.query import STOP_WORDS

_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")
_MOST_WORDS = 64  # of a question; a page pasted in is told by its first words


def word_counts(store: Store, question: str) -> dict[str, int]:
    """Return in how many chunks each word of a question stands, and under ``""`` how many chunks there are.

    Words that every text holds are left out: counting them would cost a pass over nearly every row.
    A word of several parts (``drive-shaft``) counts as its rarest part; a code as the code itself, in any spelling.
    """
    words = [w for w in dict.fromkeys(_WORD.findall(question)) if w.lower() not in STOP_WORDS][:_MOST_WORDS]
    tokens = dict(zip(words, store.words.stems([word.lower() for word in words]), strict=True))
    codes = {word: exact_terms(word) for word in words}
    counts = store.words.document_counts(
        [t for found in (tokens, codes) for word in words for t in found[word]]
    )
    compounds = store.words.compounds([word.lower() for word in words])
    counts |= store.words.document_counts([token for held in compounds.values() for token in held])
    found = {
        word: max(counts[code] for code in codes[word])
        if codes[word]
        else min((counts[token] for token in tokens[word]), default=0)
        for word in words
    }
    for word in words:
        if not found[word]:
            found[word] = max((counts[token] for token in compounds.get(word.lower(), ())), default=0)
    return {**found, "": counts[""]}

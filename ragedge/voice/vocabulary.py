"""Which words a question about these documents is likely to hold, for a recognizer that would not guess them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

from ragedge.generate.terms import content_terms

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

_MOST_PAGES = 400
_MOST_WORDS = 90  # Whisper reads 223 tokens before the sound; words of manuals take about two
_WORD = re.compile(r"[^\W\d_]{3,}")


def vocabulary(kb: KnowledgeBase) -> str:
    """Return the pairs of neighbouring content words that stand on the most pages, the most frequent first.

    Pairs, because names of parts are: "drain plug", "wheel nut". On a large knowledge base, pages spread over it.
    """
    sources = kb.store.sources() if kb.has_documents else []
    every = sum(record.pages for record in sources)
    step = max(1, -(-every // _MOST_PAGES))
    on_pages: Counter[str] = Counter()
    number = 0
    for record in sources:
        for page in kb.store.pages(record.source):
            number += 1
            if number % step == 0:
                on_pages.update(_pairs(page.text))
    said: list[str] = []
    words: set[str] = set()
    for pair, _ in on_pages.most_common():
        if len(words) >= _MOST_WORDS:
            break
        if set(pair.split()) <= words:
            continue
        words.update(pair.split())
        said.append(pair)
    return f"{', '.join(said)}." if said else ""


def _pairs(text: str) -> set[str]:
    """Return the pairs of content words that stand side by side in a line."""
    found = set()
    for line in text.lower().splitlines():
        matches = list(_WORD.finditer(line))
        for first, second in itertools.pairwise(matches):
            apart = line[first.end() : second.start()]
            if apart == " " and content_terms(first[0]) and content_terms(second[0]):
                found.add(f"{first[0]} {second[0]}")
    return found

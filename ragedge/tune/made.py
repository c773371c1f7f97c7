"""Makes questions where there are none: from headings, tables, step titles, index entries and sentences.

They stand in for real ones only so well; docs/tuning.md says how well where real ones are known.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ragedge.generate.terms import STOP_WORDS
from ragedge.measure.questions import Place, Question

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

_SEED = 0
MOST = 240
_NUMBERING = re.compile(
    r"^(?:(?:chapter|section|part|table|figure)\s+)?[\dA-Z]?\d*(?:[.-]\d+)*[.)]?\s+", re.I
)
_STEP = re.compile(r"^(?:\(?\d+[.)]|[-•*])\s+")
_ENTRY = re.compile(r"^(?P<term>[^\d|][^|]{2,60}?)[\s.,|·…]+(?P<label>\d+(?:-\d+)?)$")
_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
# Share of a sentence's telling words that are kept; people name a part of what they look for (Lee et al.,
# "Latent retrieval for weakly supervised open domain question answering", ACL 2019, takes sentences whole).
_KEPT = 0.5


def made_questions(kb: KnowledgeBase, most: int = MOST) -> list[Question]:
    """Make questions from every document, of each kind alike, at most so many, the same ones each time."""
    by_kind: dict[str, dict[str, set[tuple[str, int | None]]]] = {}
    chance = random.Random(_SEED)  # noqa: S311 -- a sample, not a secret
    for record in kb.store.sources():
        pages = kb.inspect(record.source)
        labels = {str(page["page_label"] or page["page"]): page["page"] for page in pages}
        for page in pages:
            for kind, text, number in _of_page(page, labels, chance):
                by_kind.setdefault(kind, {}).setdefault(text, set()).add((record.source, number))
    questions: list[Question] = []
    share = -(-most // max(len(by_kind), 1))
    for kind in sorted(by_kind):
        # What stands on many pages tells none of them apart.
        rare = sorted(text for text, places in by_kind[kind].items() if len(places) <= 2)
        for number, text in enumerate(chance.sample(rare, min(share, len(rare)))):
            places = sorted(by_kind[kind][text], key=str)
            where = tuple(
                Place(source, frozenset() if page is None else frozenset([page])) for source, page in places
            )
            questions.append(Question(f"{kind}-{number}", text, kind, places=where))
    return questions


def _of_page(
    page: dict[str, Any], labels: dict[str, int | None], chance: random.Random
) -> Iterator[tuple[str, str, int | None]]:
    """Yield kind, question and page number of what one page offers."""
    title = ""
    for block in page["blocks"]:
        kind, text = block["kind"], block["text"]
        if kind == "heading":
            title = _NUMBERING.sub("", text.strip())
            if _is_telling(title):
                yield "heading", title, page["page"]
        elif kind == "table":
            yield from (("table", question, page["page"]) for question in _of_table(text))
        elif title and sum(bool(_STEP.match(line)) for line in text.splitlines()) >= 2:
            yield "steps", f"How is this done: {title}?", page["page"]
        elif kind in ("paragraph", "list"):
            yield from (("sentence", words, page["page"]) for words in _of_text(text, chance))
        for term, label in _of_index(text):
            if label in labels and labels[label] != page["page"]:
                yield "index", term, labels[label]


def _of_table(text: str) -> Iterator[str]:
    """Ask for a cell by its column's head and its row's first cell."""
    rows = [[cell.strip() for cell in line.split(" | ")] for line in text.splitlines() if " | " in line]
    if len(rows) < 3:
        return
    heads = rows[0]
    for row in rows[1:]:
        for head, cell in list(zip(heads, row, strict=False))[1:]:
            if _is_telling(row[0], least=1) and _is_telling(head, least=1) and cell not in ("", "-", "–"):
                yield f"What is the {head.lower()} of {row[0]}?"
                break


def _of_text(text: str, chance: random.Random) -> Iterator[str]:
    """Take the telling words of a sentence, half of them at random, in order."""
    sentences = [s for s in _SENTENCE.split(" ".join(text.split())) if 8 <= len(_WORD.findall(s)) <= 40]
    if not sentences:
        return
    words = [w for w in _WORD.findall(chance.choice(sentences)) if w.lower() not in STOP_WORDS]
    kept = sorted(chance.sample(range(len(words)), round(len(words) * _KEPT)))
    if len(kept) >= 3:
        yield " ".join(words[i] for i in kept)


def _of_index(text: str) -> Iterable[tuple[str, str]]:
    """Read entries of an index or a table of contents, where most lines are ones."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [match for line in lines if (match := _ENTRY.match(line))]
    if len(found) < 4 or len(found) < 0.7 * len(lines):
        return []
    return [(_NUMBERING.sub("", m["term"]).strip(" .,•"), m["label"]) for m in found]


def _is_telling(text: str, least: int = 2) -> bool:
    words = [w for w in _WORD.findall(text) if w.lower() not in STOP_WORDS and any(map(str.isalpha, w))]
    return least <= len(words) <= 10 and len(text) <= 90

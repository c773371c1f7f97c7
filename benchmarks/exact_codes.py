"""Codes that stand on one page of the manuals alone: is that page the first hit?

    python benchmarks/exact_codes.py                    # 100 codes by lot, in every spelling a person uses
    python benchmarks/exact_codes.py --kb DIR --seed 1  # manuals that are taken in already; another lot

A code is a run of letters, digits and marks with three digits or more, as part, stock, form and model numbers are; it
is told from the page's text by this script's own rule, not by the one that the search uses. Of those that stand on one
page of all manuals (as written or with other marks), some are drawn by lot. Each is asked for in one wording, drawn by
lot as well: alone, within a question, in small letters, without its marks or with others. Nothing is chosen on what
the default seed draws; develop with another.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ragedge
from ragedge.knowledge_base import KnowledgeBase
from ragedge.measure.intervals import wilson

MANUALS = ("army_manuals", "ev_guides")
_CODE = re.compile(r"(?<![^\s(\[\"'])[A-Z0-9][A-Za-z0-9]*(?:[-/.][A-Za-z0-9]+)*(?=[,;:.)\]\"']*(?:\s|$))")
_MARK = re.compile(r"[-/.]")
_LEAST_DIGITS = 3
_LONGEST = 24
# Dates, amounts, times and sizes are no codes, whatever digits they have.
_NO_CODE = re.compile(r"[\d.,/]+|\d+(?:\.\d+)?[A-Za-z]{1,3}|\d+-\d+|\d+(?:-\d+)?/\d+(?:-\w+)?|.*[a-z]{3}.*")
_PLAIN_NUMBER = re.compile(r"\d{7,9}")  # part numbers of digits alone

Wording = Callable[[str], str]
WORDINGS: dict[str, Wording] = {
    "alone": lambda code: code,
    "small letters": lambda code: code.lower(),
    "part number": lambda code: f"part number {code}",
    "what is": lambda code: f"What is {code}?",
    "where used": lambda code: f"Where is {code} used and how many are needed?",
    "on which page": lambda code: f"On which page do I find {code}?",
    "in a sentence": lambda code: f"I have a part here marked {code.lower()}, what does it belong to?",
    "without marks": lambda code: _MARK.sub("", code),
    "marks as blanks": lambda code: f"what is {_MARK.sub(' ', code)}",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--kb", type=Path, help="a knowledge base that holds the manuals already")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", action="store_true", help="show what was not found")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = arguments.kb or Path(scratch) / "kb"
        with ragedge.open(path, create=not arguments.kb) as kb:
            if not arguments.kb:
                files = [f for name in MANUALS for f in sorted((arguments.data / name).glob("*.pdf"))]
                kb.ingest(*files)
            print(json.dumps(measured(kb, arguments.count, arguments.seed, arguments.misses), indent=2))


def measured(kb: KnowledgeBase, count: int, seed: int, misses: bool) -> dict[str, Any]:
    """Ask for codes drawn by lot; return how often their page came first, in all and by wording."""
    pages = codes_of_one_page(kb)
    drawn = random.Random(seed)
    asked = [
        (code, *pages[code], drawn.choice(list(WORDINGS)))
        for code in drawn.sample(sorted(pages), min(count, len(pages)))
    ]
    right: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    third = 0
    for code, source, page, wording in asked:
        hits = kb.search(WORDINGS[wording](code), top_k=3)
        found = [(hit.source, hit.page) for hit in hits]
        first = found[:1] == [(source, page)]
        third += (source, page) in found
        whole[wording] += 1
        right[wording] += first
        if misses and not first:
            print(f"  {WORDINGS[wording](code)!r}: {source} page {page}, found {found}")
    total = right.total()
    return {
        "codes on one page": len(pages), "asked": len(asked),
        "page first": [total, len(asked), *wilson(total, len(asked))],
        "page in three": [third, len(asked), *wilson(third, len(asked))],
        "by wording": {wording: f"{right[wording]} of {whole[wording]}" for wording in WORDINGS},
    }  # fmt: skip


def codes_of_one_page(kb: KnowledgeBase) -> dict[str, tuple[str, int]]:
    """Return each code that stands on one page alone, in any spelling, with its document and page."""
    places: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    spelt: dict[str, str] = {}
    without_marks: dict[tuple[str, int], str] = {}
    for record in kb.store.sources():
        for page in kb.store.pages(record.source):
            if page.number is None:
                continue
            place = (record.source, page.number)
            without_marks[place] = _key(page.text)
            for code in set(_CODE.findall(page.text)):
                if _is_code(code):
                    places[_key(code)].add(place)
                    spelt.setdefault(_key(code), code)
    # Cut by a line's end or inside a longer code it stands there as well: "12339355" in "12339355-1".
    alone = {key: next(iter(found)) for key, found in places.items() if len(found) == 1}
    return {
        spelt[key]: place
        for key, place in alone.items()
        if not any(key in text for other, text in without_marks.items() if other != place)
    }


def _is_code(text: str) -> bool:
    if _PLAIN_NUMBER.fullmatch(text):
        return True
    digits = sum(c.isdecimal() for c in text)
    return digits >= _LEAST_DIGITS and len(text) <= _LONGEST and not _NO_CODE.fullmatch(text)


def _key(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", text).lower()


if __name__ == "__main__":
    main()

"""Finds quotes on drawn pages: how many are placed, and how many places hold the quote's letters and no others.

    python benchmarks/quote_places.py [FILE.pdf ...] [--quotes 200]

Quotes are blocks and rows of tables as they were read, drawn with a fixed seed. A place is right where of the letters
and digits that PDFium has inside its boxes 90 % are the quote's, and of the quote's 90 % are inside. Needs the extra
``render``.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ragedge.config import IngestConfig
from ragedge.ingest.parser_process import CounterSpec, Parser
from ragedge.ingest.quote_places import Box, _folded, place_quote
from ragedge.ingest.render import PdfPictures, _characters
from ragedge.measure.intervals import wilson

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_FILES = (
    Path(__file__).resolve().parents[1] / "examples" / "automotive_manual" / "manual.pdf",
    *(
        _DATA / name
        for name in (
            "ev_guides/OVMS_UserGuide_TeslaRoadster.pdf", "ev_guides/Renault-Twizy_WORKSHOP.pdf",
            "japanese_pdfs/maint-guide.ja.pdf", "army_manuals/tm-9-2920-225-34.pdf",
        )
    ),
)  # fmt: skip
_LEAST_LETTERS = 8
_RIGHT = 0.9


def quotes_of(path: Path) -> Iterator[tuple[int, str, int, int]]:
    """Yield what may be quoted: the page's index, its text, and where the quote begins and ends in it."""
    with Parser(IngestConfig(), CounterSpec("ragedge.testing.word_counter:create")) as parser:
        document = parser.parse(path.name, path.read_bytes()).document
    for index, page in enumerate(document.pages):
        for block in page.blocks:
            whole = page.text[block.start : block.end]
            at = block.start
            for part in whole.split("\n") if block.kind == "table" else [whole]:
                if not block.hidden and sum(map(str.isalnum, part)) >= _LEAST_LETTERS:
                    yield index, page.text, at, at + len(part)
                at += len(part) + 1


def is_right(letters: list[str], boxes: list[Box], found: list[Box], quote: str) -> bool:
    inside: Counter[str] = Counter()
    for letter, box in zip(letters, boxes, strict=True):
        x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        if any(place.left <= x <= place.right and place.top <= y <= place.bottom for place in found):
            inside.update(_folded(letter)[0])
    wanted = Counter(_folded(quote)[0])
    common = sum((inside & wanted).values())
    return common >= _RIGHT * sum(inside.values()) and common >= _RIGHT * sum(wanted.values())


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("files", nargs="*", type=Path, default=[file for file in _FILES if file.exists()])
    arguments.add_argument("--quotes", type=int, default=200)
    options = arguments.parse_args()
    for path in options.files:
        pictures = PdfPictures(path.read_bytes(), path.name)
        quotes = list(quotes_of(path))
        random.Random(1).shuffle(quotes)
        placed = right = 0
        took = []
        for index, text, start, end in quotes[: options.quotes]:
            began = time.perf_counter()
            letters, boxes = _characters(pictures._document[index])
            found = place_quote(letters, boxes, text, start, end)
            took.append(1e3 * (time.perf_counter() - began))
            placed += bool(found)
            right += bool(found) and is_right(letters, boxes, found, text[start:end])
        low, high = wilson(right, len(took))
        print(
            f"{path.name:42} {len(took)} quotes, {placed} placed, {right} right [{low:.3f}, {high:.3f}], "
            f"{statistics.median(took):.1f} ms in the middle"
        )


if __name__ == "__main__":
    main()

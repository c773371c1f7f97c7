"""Finds where a quote stands on a drawn page: from its offsets in the text that was read to boxes around its words.

The text that was read and the characters that a renderer reports differ in spaces, hyphens, ligatures and the order
of columns; letters and digits agree. So those alone are compared, the whole quote first, then its lines and cells,
then their words, each nearest to what is placed already.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

_CELL = " | "  # between the cells of a table's row
_CONTEXT = 60  # letters on either side that tell equal quotes on one page apart
_MOST_OCCURRENCES = 200
# Less of a quote found than this is more likely to be other words of the page.
_LEAST_PLACED = 0.6
# A gap that is wider, in heights of the line, begins a new box: the next column, or the next cell.
_WIDEST_GAP = 1.2
_SAME_LINE = 0.5
_ROW_WEIGHT = 3.0  # cells of one row stand side by side: being on another line counts for more than being far


class Box(NamedTuple):
    """A place on a page, in shares of its width and height, from the upper left."""

    left: float
    top: float
    right: float
    bottom: float


def place_quote(letters: Sequence[str], boxes: Sequence[Box], text: str, start: int, end: int) -> list[Box]:
    """Return a box for each line of a quote, in the order of the page; none where most of it cannot be found.

    Args:
        letters: The characters on the page, in the renderer's order.
        boxes: Theirs, as many.
        text: The page as it was read.
        start: Where the quote begins in it.
        end: One past its last character.
    """
    page, index = _folded(letters)
    quote = _folded(text[start:end])[0]
    if not quote or not page:
        return []
    before, after = (
        _folded(text[max(0, start - 4 * _CONTEXT) : start])[0],
        _folded(text[end : end + 4 * _CONTEXT])[0],
    )
    whole = _likeliest(page, quote, before, after)
    if whole is not None:
        found = _run(index, whole, len(quote))
    else:
        found = _in_parts(page, index, boxes, text[start:end], len(quote))
    return _lines(boxes[place] for place in found)


def _folded(letters: Iterable[str]) -> tuple[str, list[int]]:
    """Return letters and digits alone, in one form, and where each comes from."""
    out: list[str] = []
    index: list[int] = []
    for place, letter in enumerate(letters):
        for part in unicodedata.normalize("NFKC", letter).casefold():
            if part.isalnum():
                out.append(part)
                index.append(place)
    return "".join(out), index


def _occurrences(page: str, part: str) -> list[int]:
    found: list[int] = []
    at = page.find(part)
    while at >= 0 and len(found) < _MOST_OCCURRENCES:
        found.append(at)
        at = page.find(part, at + 1)
    return found


def _likeliest(page: str, quote: str, before: str, after: str) -> int | None:
    """Return the occurrence whose surroundings are most like the quote's own."""

    def alike(at: int) -> int:
        left = _shared(page[max(0, at - _CONTEXT) : at][::-1], before[::-1])
        right = _shared(page[at + len(quote) : at + len(quote) + _CONTEXT], after)
        return left + right

    found = _occurrences(page, quote)
    return max(found, key=alike) if found else None


def _shared(first: str, second: str) -> int:
    for place, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return place
    return min(len(first), len(second))


def _run(index: Sequence[int], at: int, length: int) -> list[int]:
    """Return the characters of a run with what stands between its letters."""
    return list(range(index[at], index[at + length - 1] + 1))


def _in_parts(page: str, index: Sequence[int], boxes: Sequence[Box], quote: str, letters: int) -> list[int]:
    """Place a quote line by line and cell by cell, and what is not found so word by word."""
    cells = [_folded(cell)[0] for line in quote.split("\n") for cell in line.split(_CELL)]
    found: list[list[int]] = []
    taken: set[int] = set()
    missing = _place([cell for cell in cells if cell], page, index, boxes, found, taken)
    if missing:
        lost = set(missing)
        words = [
            _folded(word)[0]
            for line in quote.split("\n")
            for cell in line.split(_CELL)
            if _folded(cell)[0] in lost
            for word in cell.split()
        ]
        _place([word for word in words if word], page, index, boxes, found, taken)
    if len(taken) < _LEAST_PLACED * letters:
        return []
    return [place for run in found for place in run]


def _place(
    parts: Sequence[str],
    page: str,
    index: Sequence[int],
    boxes: Sequence[Box],
    found: list[list[int]],
    taken: set[int],
) -> list[str]:
    """Place parts, the most telling first; return those that are not on the page."""
    missing: list[str] = []
    places = {part: _occurrences(page, part) for part in dict.fromkeys(parts)}
    for part in sorted(parts, key=lambda part: (len(places[part]), -len(part))):
        free = [at for at in places[part] if not taken & set(range(at, at + len(part)))]
        if not free:
            missing.append(part)
            continue
        at = min(free, key=lambda at: _distance(boxes, found, _run(index, at, len(part))))
        found.append(_run(index, at, len(part)))
        taken.update(range(at, at + len(part)))
    return missing


def _distance(boxes: Sequence[Box], found: Sequence[Sequence[int]], run: Sequence[int]) -> float:
    """Return how far a run is from the nearest that is placed already."""
    here = boxes[run[0]]
    there = (boxes[end] for placed in found for end in (placed[0], placed[-1]))
    return min(
        (abs(here.left - box.left) + _ROW_WEIGHT * abs(here.bottom - box.bottom) for box in there),
        default=0.0,
    )


def _lines(boxes: Iterable[Box]) -> list[Box]:
    """Join the boxes of characters into one for each line or cell, from the top."""
    inked = [box for box in boxes if box.right > box.left and box.bottom > box.top]  # no spaces
    steps = [(b.left - a.left, b.top - a.top) for a, b in pairwise(inked)]
    if 2 * sum(abs(down) > abs(across) for across, down in steps) > len(steps):
        return [_turned(box) for box in _joined(map(_turned, inked))]  # type that runs up or down the page
    return _joined(inked)


def _turned(box: Box) -> Box:
    return Box(box.top, box.left, box.bottom, box.right)


def _joined(boxes: Iterable[Box]) -> list[Box]:
    joined: list[Box] = []
    for box in sorted(boxes, key=lambda box: (round((box.top + box.bottom) / 2, 3), box.left)):
        for place in range(len(joined) - 1, -1, -1):
            if _joins(joined[place], box):
                old = joined[place]
                joined[place] = Box(
                    min(old.left, box.left), min(old.top, box.top),
                    max(old.right, box.right), max(old.bottom, box.bottom),
                )  # fmt: skip
                break
        else:
            joined.append(box)
    return joined


def _joins(line: Box, box: Box) -> bool:
    height = min(line.bottom - line.top, box.bottom - box.top)
    overlap = min(line.bottom, box.bottom) - max(line.top, box.top)
    if overlap < _SAME_LINE * height:
        return False
    gap = max(line.left, box.left) - min(line.right, box.right)
    return gap <= _WIDEST_GAP * (line.bottom - line.top)

"""Finds what stands on every page and says nothing: running heads and feet, page numbers, form text."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ragedge.ingest.pdf.rows import Row
from ragedge.ingest.safety import notice_kind

_EDGE_ROWS = 3
_EDGE_SHARE = 0.155  # of the page's height, at the top and at the bottom
_FORM_SHARE = 0.5  # of the pages, with the same words in the same place
_FOOT_SHARE = 0.2  # the same below everything else that a page says
_LABEL = re.compile(
    r"^(?:page\s+|seite\s+)?((?:[A-Z]{1,2}|\d{1,3})\s?[-–]\s?\d{1,4}(?:\.\d)?|[ivxlc]{1,7}|\d{1,4}|[A-Z](?=\s?/))"
    r"(?:\s*(?:/|of|von)\s*\d+(?:\s+pages)?|\s?/\s?\([^()]{1,8}\sblank\))?$",
    re.I,
)
_BLANK = re.compile(
    r"/\s?\([^()]{1,8}\sblank\)$", re.I
)  # "1-1/(1-2 blank)" is a page number wherever it stands
_OF_PAGES = re.compile(r"^(?:page|seite|blatt)\s+\d+\s+(?:of|von)\s+\d+(?:\s+pages)?$", re.I)
_REVISION = re.compile(r"^(?:change|rev(?:ision)?\.?|issue|edition|ausgabe)\s+[A-Z\d]{1,4}$", re.I)
_END_NUMBER = re.compile(r"^\d{1,4}(?=\s|$)|(?<=\s)\d{1,4}$")
_TITLE = re.compile(r"^\d{1,3}(?:[.\-–]\d{1,3})*\.?\s+[^\W\d_]{2}")  # of a numbered section
_TITLE_SIZE = (
    1.25  # of the body's: "Chapter 3" so large at the top of a page is a title, other figures or not
)
_CONTINUED = re.compile(r"^(?:table|figure|tab\.|fig\.|tabelle|bild|表|図)", re.I)
_LETTERED = re.compile(
    r"^[a-z]\.\s+[^\W\d_]{2}"
)  # a paragraph of any section, in the same place on several pages
_NUMBERS = re.compile(r"\d+|\b[ivxlc]+\b", re.I)


def find_furniture(pages: Sequence[tuple[float, Sequence[Row]]]) -> list[set[int]]:
    """Tell which rows of each page are furniture.

    Args:
        pages: Each page's height and its rows from the top down.

    Returns:
        For each page, indices of rows to leave out.
    """
    edges: Counter[tuple[str, bool]] = Counter()
    exact: Counter[tuple[str, int]] = Counter()
    texts: Counter[str] = Counter()
    ends = Counter(
        (cell.text, _place(rows[i], height))
        for height, rows in pages
        for i in _outermost(rows)
        for cell in rows[i].cells
        if not _EDGE_SHARE * height <= rows[i].y <= (1 - _EDGE_SHARE) * height
    )
    variants: dict[str, set[str]] = defaultdict(set)
    sizes: Counter[float] = Counter()
    for _, rows in pages:
        for row in rows:
            sizes[round(row.size * 2) / 2] += len(row.text)
    body = max(sizes, key=lambda size: sizes[size], default=10.0)
    for height, rows in pages:
        for index, key, _ in _edge_rows(height, rows):
            variants[key].add(rows[index].text)
        edges.update({(key, top) for _, key, top in _edge_rows(height, rows)})
        texts.update({row.text for row in rows} | {cell.text for row in rows[2:-2] for cell in row.cells})
        exact.update({(row.text, round(row.y / 4)) for row in rows})
    numbered = _numbered_rows(pages)
    read = sum(bool(rows) for _, rows in pages)
    often = max(3, 0.06 * read)
    found: list[set[int]] = []
    for page, (height, rows) in enumerate(pages):
        drop = numbered[page] | {
            index
            for index, key, top in _edge_rows(height, rows)
            # A bare page number is one even where its form is rare; anything else must recur.
            if edges[key, top] >= (often if len(key) > 6 else 3)
            or (_LABEL.match(rows[index].text) and edges[key, top] >= 2)
            or all(_BLANK.search(c.text) or (not top and _REVISION.match(c.text)) for c in rows[index].cells)
            or _label_and_revision(rows[index])
        }
        # A chapter's running head stands on its few pages alone, but always as the outermost row.
        drop |= {
            i
            for i in _outermost(rows)
            if _recurs(rows[i], rows, height, ends, texts) and not _CONTINUED.match(rows[i].text)
        }
        if read >= 5:
            drop |= _foot_of_form(rows, height, drop, exact, max(5, _FOOT_SHARE * read))
            form = {
                i
                for i, row in enumerate(rows)
                if exact[row.text, round(row.y / 4)] >= max(5, _FORM_SHARE * read)
            }
            # A page that is nothing but what recurs (a blank form) keeps its text.
            drop |= form if len(form) < 0.8 * len(rows) else set()
        # A page may well begin with "NOTE" or "g. Replacement."
        drop -= {i for i in drop if notice_kind(rows[i].text) or _LETTERED.match(rows[i].text)}
        drop -= {i for i in drop if _counts_something_else(rows, i, variants)}
        drop -= {i for i in drop if rows[i].size > _TITLE_SIZE * body and texts[rows[i].text] < 3}
        if len(drop) == len(rows):  # a line that only differs in its figures may be all that the page says
            drop = {
                i
                for i in drop
                if _LABEL.match(rows[i].text) or i in numbered[page] or texts[rows[i].text] >= often
            }
        found.append(drop)
    return found


def strip_page_counts(height: float, rows: Sequence[Row]) -> list[Row]:
    """Leave out "Page 3 of 14" where it stands beside other words at a page's edge."""
    kept = []
    for row in rows:
        edge = not _EDGE_SHARE * height <= row.y <= (1 - _EDGE_SHARE) * height
        if edge and len(row.cells) > 1 and any(_OF_PAGES.match(cell.text) for cell in row.cells):
            row.cells = [c for c in row.cells if not _OF_PAGES.match(c.text)]
            row.fine = [c for c in row.fine if not _OF_PAGES.match(c.text)]
        if row.cells:
            kept.append(row)
    return kept


def _counts_something_else(rows: Sequence[Row], index: int, variants: Mapping[str, set[str]]) -> bool:
    """Whether a row inside of the outermost ones only recurs with other figures: "FRAME 2", "Figure 3-1"."""
    text = rows[index].text
    key = _alike(rows[index])
    return (
        0 < index < len(rows) - 1 and len(variants[key]) > 2 and not _LABEL.match(text) and key[:1].isalpha()
    )


def _label_and_revision(row: Row) -> bool:
    """Whether a row holds a page's number and its revision, and nothing else."""
    labels = [bool(_LABEL.match(cell.text)) for cell in row.cells]
    others = [cell for cell, label in zip(row.cells, labels, strict=True) if not label]
    return any(labels) and bool(others) and all(_REVISION.match(cell.text) for cell in others)


def _foot_of_form(
    rows: Sequence[Row], height: float, drop: set[int], exact: Counter[tuple[str, int]], least: float
) -> set[int]:
    """Find what a form says at its foot, however many lines, from the lowest row up."""
    found: set[int] = set()
    for index in range(len(rows) - 1, -1, -1):
        row = rows[index]
        if row.y > 0.35 * height:
            break
        if exact[row.text, round(row.y / 4)] >= least:
            found.add(index)
        elif index not in drop:
            break
    return found


def _place(row: Row, height: float) -> int:
    """Return a row's distance from the nearer edge, which pages of another size share; below zero from the foot."""
    return round((height - row.y) / 4) if row.y > height / 2 else -round(row.y / 4)


def _recurs(
    row: Row, own: Sequence[Row], height: float, ends: Counter[tuple[str, int]], texts: Counter[str]
) -> bool:
    """Whether a row stands there on other pages, too, beside nothing but the page's number or a section's title."""
    place = _place(row, height)
    known = [ends[cell.text, place] >= 3 for cell in row.cells]
    others = {other.text for other in own if other is not row}
    # "v" beside one word may be a value, beside a book's title or number it is a page.
    long = any(
        k and (cell.text.count(" ") > 1 or (len(cell.text) > 11 and any(map(str.isdigit, cell.text))))
        for k, cell in zip(known, row.cells, strict=True)
    )
    return any(known) and all(
        k
        or (long and ends[cell.text, place] > 1)
        or cell.text in others
        or (_TITLE.match(cell.text) and texts[cell.text])
        or (_LABEL.match(cell.text) and (long or any(map(str.isdigit, cell.text))))
        for k, cell in zip(known, row.cells, strict=True)
    )


def _outermost(rows: Sequence[Row]) -> set[int]:
    """Return the first and last two rows of a page, of a short one the first and last."""
    count = len(rows)
    return {0, 1, count - 2, count - 1} if count > 4 else {0, count - 1} if count > 1 else set()


def _numbered_rows(pages: Sequence[tuple[float, Sequence[Row]]]) -> list[set[int]]:
    """Find heads and feet that end or begin with the page's number, whatever chapter they name beside it."""
    places = []
    for page, (height, rows) in enumerate(pages):
        for index, _, top in _edge_rows(height, rows):
            if index in (0, len(rows) - 1):
                numbers = {int(n) - page for n in _END_NUMBER.findall(rows[index].text)}
                places += [(page, index, (top, offset)) for offset in numbers]
    counts = Counter(key for _, _, key in places)
    found: list[set[int]] = [set() for _ in pages]
    for page, index, key in places:
        if counts[key] >= max(4, 0.3 * len(pages)):
            found[page].add(index)
    return found


def turned_furniture(pages: Sequence[Sequence[Row]], upright: Sequence[Sequence[Row]]) -> list[set[int]]:
    """Tell which rows of sideways text are furniture: a page's head and foot where the page alone is turned.

    Args:
        pages: Each page's rows of turned text.
        upright: Each page's rows that were found to be furniture.
    """
    known = {_alike(row) for rows in upright for row in rows}
    counts = Counter(key for rows in pages for key in {_alike(row) for row in rows})
    return [
        {i for i, row in enumerate(rows) if (key := _alike(row)) in known or counts[key] >= 3}
        if len(rows) <= 6
        else set()
        for rows in pages
    ]


def _alike(row: Row) -> str:
    return "".join(_NUMBERS.sub("#", row.text).split())


def printed_label(height: float, rows: Sequence[Row], dropped: set[int]) -> str | None:
    """Return the page number printed on a page, from what was dropped of it."""
    for index in sorted(dropped, key=lambda i: min(rows[i].y, height - rows[i].y)):
        for cell in rows[index].cells:
            found = _LABEL.match(cell.text.strip("-– "))
            if found and (rows[index].y < _EDGE_SHARE * height or rows[index].y > (1 - _EDGE_SHARE) * height):
                return re.sub(r"\s", "", found[1])
    return None


def _edge_rows(height: float, rows: Sequence[Row]) -> list[tuple[int, str, bool]]:
    """Return the rows at a page's edges: index, words with numbers made alike, and whether at the top."""
    count = len(rows)
    picked = []
    for index in {*range(min(_EDGE_ROWS, count)), *range(max(count - _EDGE_ROWS, 0), count)}:
        row = rows[index]
        top = row.y > (1 - _EDGE_SHARE) * height
        if top or row.y < _EDGE_SHARE * height:
            picked.append((index, _alike(row), top))
    return picked

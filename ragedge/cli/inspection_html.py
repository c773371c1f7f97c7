"""One HTML page that shows what was read from a document; it loads nothing from anywhere."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from ragedge.cli.inspection_style import STYLE

_KINDS = (
    "heading", "paragraph", "list", "table", "code", "caption", "figure", "warning", "caution", "note",
)  # fmt: skip
_CELL = " | "


def render(
    source: str, pages: Sequence[Mapping[str, Any]], *, first: int, pictures: Mapping[int, str], missing: str
) -> str:
    """Return the page.

    Args:
        source: The document's name.
        pages: As ``KnowledgeBase.inspect`` gives them.
        first: The first one's place in the document, from 1.
        pictures: ``data:`` addresses by page number.
        missing: Why there are no pictures, or not all; empty where nothing is to be said.
    """
    numbers = count(1)
    names: dict[str, int] = {}  # a chunk that runs over a page keeps its number
    for page in pages:
        for chunk in page["chunks"]:
            if chunk["chunk_id"] not in names:
                names[chunk["chunk_id"]] = next(numbers)
    bodies = "".join(
        _page(page, place, names, pictures.get(page["page"] or 0, ""))
        for place, page in enumerate(pages, first)
    )
    return (
        "<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>"
        # Nothing may be loaded, also if the document's text were to slip through as markup.
        "<meta http-equiv=Content-Security-Policy "
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{_safe(source)}: what was read</title><style>{STYLE}</style></head><body>"
        f"{_head(source, pages, first, len(names), missing)}<main>{bodies}</main></body></html>\n"
    )


def _head(source: str, pages: Sequence[Mapping[str, Any]], first: int, chunks: int, missing: str) -> str:
    kinds = Counter(block["kind"] for page in pages for block in page["blocks"])
    legend = "".join(
        f"<span class='kind {kind}'><i></i>{kind} <b>{kinds[kind]}</b></span>"
        for kind in _KINDS
        if kinds[kind]
    )
    links = "".join(
        f"<a href='#p{place}' title='{_page_name(page, place)}'>{place}</a>"
        for place, page in enumerate(pages, first)
    )
    counted = (
        f"{_count(len(pages), 'page')} · {_count(sum(kinds.values()), 'block')} · {_count(chunks, 'chunk')}"
    )
    return (
        f"<header><div class=title><h1>{_safe(source)}</h1><p>{counted}</p></div>"
        f"<div class=legend>{legend}</div>"
        + (f"<nav>{links}</nav>" if len(pages) > 1 else "")
        + (f"<p class=missing>No pictures of the pages: {_safe(missing)}</p>" if missing else "")
        + "</header>"
    )


def _page(page: Mapping[str, Any], place: int, names: Mapping[str, int], picture: str) -> str:
    spans = sorted(page["chunks"], key=lambda chunk: (chunk["start"], chunk["end"]))
    cards = "".join(_chunk(page, chunk, names[chunk["chunk_id"]]) for chunk in spans)
    cards += "".join(
        f"<article class='chunk stray'><h3>{_why_stray(page, start, end)}</h3>{_segments(page, start, end)}</article>"
        for start, end in _gaps(page["text"], spans)
    )
    if not cards:
        words = "an image without a text layer: not read" if page["unread"] else "no text"
        cards = f"<p class=empty>{words}</p>"
    image = (
        f"<figure><img loading=lazy src='{picture}' alt='page {place} as it is printed'></figure>"
        if picture
        else ""
    )
    return (
        f"<section id=p{place} class='{'beside' if picture else 'alone'}'>"
        f"<h2>{_page_name(page, place)}</h2><div class=columns>{image}<div class=read>{cards}</div></div></section>"
    )


def _why_stray(page: Mapping[str, Any], start: int, end: int) -> str:
    """Return why a run of text is in no chunk."""
    inside = [block["hidden"] for block in page["blocks"] if block["start"] < end and start < block["end"]]
    if inside and all(inside):
        return f"nobody sees this on the page: {', '.join(dict.fromkeys(inside)).replace('_', ' ')}"
    return "in no chunk"


def _page_name(page: Mapping[str, Any], place: int) -> str:
    if page["page"] is None:
        return "the whole file"
    label = page["page_label"]
    return f"page {place}" + (f", printed {_safe(label)}" if label and label != str(place) else "")


def _chunk(page: Mapping[str, Any], chunk: Mapping[str, Any], number: int) -> str:
    path = " <span>›</span> ".join(_safe(title) for title in chunk["heading"])
    carried = chunk["context"].split("\n") if chunk["context"] else []
    heads = carried.pop() if carried and _CELL in carried[-1] and chunk["kind"] == "table" else ""
    context = f"<div class=context>{_safe(chr(10).join(carried))}</div>" if carried else ""
    over = chunk["pages"]
    note = ""
    if len(set(over)) > 1:
        note = " · runs on to the next page" if over[0] == page["page"] else " · from the page before"
    return (
        f"<article class=chunk><h3><b title='{_safe(chunk['chunk_id'])}'>{number}</b>"
        f"<span class=path>{path}</span><small>{chunk['start']}–{chunk['end']}{note}</small></h3>"
        f"{context}{_segments(page, chunk['start'], chunk['end'], heads)}</article>"
    )


def _segments(page: Mapping[str, Any], start: int, end: int, heads: str = "") -> str:
    """Return a run of a page's text, block by block; ``heads`` are carried over its first table."""
    text: str = page["text"]
    parts: list[str] = []
    at = start
    for block in page["blocks"]:
        low, high = max(block["start"], start), min(block["end"], end)
        if low >= high:
            continue
        parts.append(_loose(text[at:low]))
        begins = low == block["start"]
        own = begins and block["header_rows"]
        carried = "" if own or block["kind"] != "table" else heads
        parts.append(
            _block(
                block["kind"], text[low:high], block["header_rows"] if begins else 0, block["level"], carried
            )
        )
        at = high
    parts.append(_loose(text[at:end]))
    return "".join(parts)


def _loose(text: str) -> str:
    return _block("paragraph", text, 0, 0) if text.strip() else ""


def _block(kind: str, text: str, header_rows: int, level: int, carried: str = "") -> str:
    lines = text.strip("\n").split("\n")
    if kind == "table" and any(_CELL in line for line in lines):
        inner = _table(lines, header_rows, carried)
    else:
        inner = f"<p>{_safe(text.strip(chr(10)))}</p>"
    title = f"{kind}, level {level}" if level else kind
    return f"<div class='block {kind if kind in _KINDS else 'paragraph'}' title='{title}'>{inner}</div>"


def _table(lines: Sequence[str], header_rows: int, carried: str) -> str:
    """Return a table; column heads that are only carried along are set apart from those that stand there."""
    tags = ["th class=carried"] if carried else []
    tags += ["th" if number < header_rows else "td" for number in range(len(lines))]
    rows = [line.split(_CELL) for line in ([carried, *lines] if carried else lines)]
    width = max(map(len, rows))
    return "<table>{}</table>".format(
        "".join(
            "<tr>{}</tr>".format(
                "".join(f"<{tag}>{_safe(cell)}</{tag[:2]}>" for cell in [*row, *[""] * (width - len(row))])
            )
            for tag, row in zip(tags, rows, strict=True)
        )
    )


def _gaps(text: str, spans: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int]]:
    """Yield what stands in no chunk; a chunker that keeps its contract leaves none."""
    at = 0
    for span in spans:
        if text[at : span["start"]].strip():
            yield at, span["start"]
        at = max(at, span["end"])
    if text[at:].strip():
        yield at, len(text)


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)

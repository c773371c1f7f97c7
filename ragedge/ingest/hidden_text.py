"""Text that nobody sees who looks at a page: kept at the page's end, apart from what is read, cut and searched.

A reader who is asked about a page means what the page shows. What it holds beside that may be a leftover, or an
order planted for a machine; either way it is shown by ``inspect`` and counted by the ingest, and goes no further.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ragedge.datatypes import HIDDEN_REASONS, Block, Document, HiddenText, Page


def visible(page: Page) -> Page:
    """Return a page without its hidden blocks; offsets stay, as those are the last."""
    shown = tuple(block for block in page.blocks if not block.hidden)
    if len(shown) == len(page.blocks):
        return page
    first = min(block.start for block in page.blocks if block.hidden)
    return replace(page, text=page.text[:first].rstrip(), blocks=shown)


def visible_document(document: Document) -> Document:
    """Return what of a document is read, cut into chunks and searched."""
    pages = tuple(visible(page) for page in document.pages)
    return document if pages == document.pages else replace(document, pages=pages)


def append_hidden(page: Page, texts: Mapping[str, str]) -> Page:
    """Return a page with hidden text at its end.

    Args:
        page: As it is seen.
        texts: The text by why it is not seen, in the order to be kept; empty ones are left out.
    """
    text, blocks = page.text, list(page.blocks)
    for reason, words in texts.items():
        if words.strip():
            start = len(text) + 2 if text else 0
            text = f"{text}\n\n{words.strip()}" if text else words.strip()
            blocks.append(Block("paragraph", start, len(text), hidden=reason))
    return replace(page, text=text, blocks=tuple(blocks))


def hidden_texts(page: Page) -> dict[str, str]:
    """Return a page's hidden text by why it is not seen."""
    texts: dict[str, str] = {}
    for block in page.blocks:
        if block.hidden:
            words = page.text[block.start : block.end]
            texts[block.hidden] = f"{texts[block.hidden]}\n{words}" if block.hidden in texts else words
    return texts


def found_in(source: str, pages: Sequence[Page]) -> HiddenText | None:
    """Return what an ingest reports of a document; None where all of its text is seen."""
    hidden = [
        (page.number or place, block)
        for place, page in enumerate(pages, 1)
        for block in page.blocks
        if block.hidden
    ]
    if not hidden:
        return None
    reasons = {block.hidden for _, block in hidden}
    return HiddenText(
        source, tuple(dict.fromkeys(number for number, _ in hidden)),
        sum(block.end - block.start for _, block in hidden),
        tuple(reason for reason in HIDDEN_REASONS if reason in reasons),
    )  # fmt: skip

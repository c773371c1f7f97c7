"""A document as it was read, and the chunks it is cut into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal[
    "heading", "paragraph", "list", "table", "code", "caption", "figure", "warning", "caution", "note"
]
SAFETY_KINDS: frozenset[str] = frozenset({"warning", "caution"})

# Why text is not seen: drawn without ink, in the colour of what it stands on, beyond the page or what is shown of it,
# painted over, too small to read, or marked so by the format (HTML's ``hidden``, Word's hidden text).
HIDDEN_REASONS = ("transparent", "same_colour", "off_page", "covered", "tiny", "marked_hidden")

# The key in a chunk's metadata that says which wider passage it is a part of: a number, the same in all of a
# passage's parts, which follow each other. Search finds the part and gives the passage.
PART_OF = "part_of"

MetadataValue = str | int | float | bool
Metadata = Mapping[str, MetadataValue]


@dataclass(frozen=True, slots=True)
class Block:
    """A typed run of one page's text.

    Attributes:
        kind: What it is; safety kinds guard the steps that follow them.
        start: First code point in the page's text.
        end: One past the last code point.
        level: Heading depth from 1; 0 for anything else.
        header_rows: For a table, how many of its first lines are column heads.
        confidence: Of OCR, 0 to 1, the mean over its lines; None where the text was not read by OCR.
        hidden: Why nobody who looks at the page sees it, one of ``HIDDEN_REASONS``; empty where they do. Hidden
            blocks end their page and are in no chunk: shown and reported, never searched, quoted or prompted.
        heads: For a table that goes on from the page before, the caption and column heads that stand there, line by
            line; its rows are read with them.
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    header_rows: int = 0
    confidence: float | None = None
    hidden: str = ""
    heads: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it was read.

    Attributes:
        number: 1-based position in the file; None where the format has no pages.
        label: The page's printed label, such as ``"2-15"``; None where unknown.
        text: Everything read from the page; blocks index into it.
        blocks: In reading order, not overlapping.
        has_image_only: The page holds an image and no text layer.
    """

    number: int | None
    text: str
    label: str | None = None
    blocks: tuple[Block, ...] = ()
    has_image_only: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """A source as a loader read it.

    Attributes:
        source: POSIX path relative to the ingested folder, or the file's name.
        media_type: As detected from the content, such as ``application/pdf``.
        pages: In file order.
        title: From the file's own metadata; may be empty.
        metadata: Applicability (model, variant, year ...) from front matter; user metadata wins over it.
    """

    source: str
    media_type: str
    pages: tuple[Page, ...]
    title: str = ""
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OcrLine:
    """A line that OCR read on a page; its box in points, from the page's top left as it is looked at.

    Attributes:
        text: As read.
        confidence: 0 to 1.
        x: Left end.
        y: Top.
        width: To the right.
        height: Downwards.
    """

    text: str
    confidence: float
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Span:
    """A run of one page: ``pages[page_index].text[start:end]``."""

    page_index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PlacedSpan:
    """A run of one page, by the page's number and printed label, as a stored chunk knows it."""

    page: int | None
    page_label: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit of retrieval.

    Attributes:
        text: The spans' texts joined by a line feed; verbatim.
        spans: Where the text stands, in reading order, at least one. The first span names the chunk's page.
        heading: Path of headings above it, outermost first.
        kind: The kind of its main block.
        context: Words that make the chunk readable by itself (column heads of a table cut in two, say)
            and are indexed with it, but are not part of its text.
        metadata: What applies to this chunk alone, over the document's metadata.
    """

    text: str
    spans: tuple[Span, ...]
    heading: tuple[str, ...] = ()
    kind: BlockKind = "paragraph"
    context: str = ""
    metadata: Metadata = field(default_factory=dict)

    @property
    def index_text(self) -> str:
        """What embedders and full-text search read: heading path, context and text."""
        return "\n".join(part for part in (" > ".join(self.heading), self.context, self.text) if part)

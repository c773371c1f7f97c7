"""What flows through the pipeline, stage by stage.

    file -> Document(pages, blocks) -> Chunk -> ScoredChunk -> Answer(sentences, citations)

Offsets are code points, half-open, into the text of one page: ``page.text[start:end]`` is the quote.
Pages are 1-based positions in the file; ``None`` where a format has no pages.
``as_dict`` gives the JSON that the command line prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

BlockKind = Literal[
    "heading", "paragraph", "list", "table", "code", "caption", "figure", "warning", "caution", "note"
]
SAFETY_KINDS: frozenset[str] = frozenset({"warning", "caution"})
SKIP_CODES = (
    "empty", "not_found", "unsupported", "damaged", "encrypted", "no_text", "timeout", "memory", "too_large",
)  # fmt: skip

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
    """

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    header_rows: int = 0
    confidence: float | None = None


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


@dataclass(frozen=True, slots=True)
class Why:
    """How a hit came to its rank; None where that part of the search did not find it."""

    dense_rank: int | None = None
    dense_score: float | None = None
    text_rank: int | None = None
    text_score: float | None = None
    rerank_score: float | None = None


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A retrieved chunk, its place in the manual and its score (higher is better).

    ``start`` and ``end`` index the text of ``page`` as ``ragedge inspect`` prints it.
    """

    rank: int
    chunk_id: str
    source: str
    page: int | None
    page_label: str | None
    pages: tuple[int, ...]
    heading: tuple[str, ...]
    kind: str
    text: str
    start: int
    end: int
    score: float
    why: Why = field(default_factory=Why)
    metadata: Metadata = field(default_factory=dict)
    context: str = ""
    spans: tuple[PlacedSpan, ...] = ()

    def locate(self, start: int, end: int) -> PlacedSpan:
        """Find where ``text[start:end]`` stands; cut at the end of its page if it runs over one.

        Raises:
            ValueError: the range is empty or outside the text.
        """
        if not 0 <= start < end <= len(self.text):
            raise ValueError(f"range {start}:{end} is not inside a text of {len(self.text)} code points")
        before = 0
        for span in self.spans:
            length = span.end - span.start
            if start < before:
                break
            if start < before + length:
                offset = span.start - before
                return PlacedSpan(
                    span.page, span.page_label, start + offset, min(end, before + length) + offset
                )
            before += length + 1  # spans are joined by one line feed
        raise ValueError(f"range {start}:{end} lies on the joint between two spans")

    def as_dict(self) -> dict[str, Any]:
        """Return the ``hit`` object of the JSON contract."""
        hit = asdict(self)
        del hit["context"], hit["spans"]
        return hit | {
            "pages": list(self.pages),
            "heading": list(self.heading),
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True, slots=True)
class SearchTimings:
    """Milliseconds of one search."""

    embed_ms: float
    retrieve_ms: float
    total_ms: float


class SearchResult(list[ScoredChunk]):
    """The hits of one search, best first, with its timings.

    Attributes:
        timings: Of the search.
        notes: For a source among the hits, what is to be told of its revisions.
    """

    def __init__(
        self, hits: list[ScoredChunk], timings: SearchTimings, notes: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(hits)
        self.timings = timings
        self.notes = dict(notes or {})

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge search --json`` prints."""
        return {
            "schema": 1,
            "hits": [hit.as_dict() for hit in self],
            "notes": list(self.notes.values()),
            "timings": asdict(self.timings),
        }


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer's words stand: ``page_text[start:end] == quote``."""

    source: str
    page: int | None
    page_label: str | None
    quote: str
    start: int
    end: int
    score: float

    def __str__(self) -> str:
        if self.page is None:
            return self.source
        label = f" (printed {self.page_label})" if self.page_label not in (None, str(self.page)) else ""
        return f"{self.source}, page {self.page}{label}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, who wrote it, and the indices of the citations that carry it."""

    text: str
    origin: Literal["model", "quote"]
    citations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SafetyNotice:
    """A warning or caution that guards what the answer tells the reader to do."""

    kind: str
    text: str
    source: str
    page: int | None


@dataclass(frozen=True, slots=True)
class AskTimings:
    """Times and counts of one answer; ``ttft_ms`` runs to the first character that stays in the text."""

    retrieve_ms: float = 0.0
    ttft_ms: float = 0.0
    first_token_ms: float | None = None
    total_ms: float = 0.0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, what carries it, and how it came about. ``str(answer)`` is its text.

    Attributes:
        text: The sentences joined, or the one fixed sentence that says the manual does not hold it.
        sentences: In order; empty when abstained.
        citations: What the sentences point to; empty when abstained.
        abstained: The passages do not answer the question.
        abstain_reason: Why, in a word (``no_passages``, ``low_score``, ``terms_missing``); None otherwise.
        grounded: Every sentence was verified against its citation.
        confidence: Probability that the facts stand on the cited page, 0 to 1.
        method: ``generated``, ``mixed``, ``extractive`` or ``none`` (abstained).
        passages: What retrieval found, best first.
        degraded: What was left out to keep a budget or for want of a part, in words.
        notes: What the reader should know of the cited documents: which revision replaces which.
    """

    text: str
    sentences: tuple[Sentence, ...] = ()
    citations: tuple[Citation, ...] = ()
    safety: tuple[SafetyNotice, ...] = ()
    abstained: bool = False
    abstain_reason: str | None = None
    grounded: bool = True
    confidence: float = 0.0
    method: Literal["generated", "mixed", "extractive", "none"] = "extractive"
    passages: tuple[ScoredChunk, ...] = ()
    degraded: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    model: str | None = None
    adapter: str | None = None
    timings: AskTimings = field(default_factory=AskTimings)

    def __str__(self) -> str:
        return self.text

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge ask --json`` prints."""
        return {
            "schema": 1,
            "text": self.text,
            "sentences": [asdict(s) | {"citations": list(s.citations)} for s in self.sentences],
            "citations": [asdict(c) for c in self.citations],
            "safety": [asdict(s) for s in self.safety],
            "abstained": self.abstained,
            "abstain_reason": self.abstain_reason,
            "grounded": self.grounded,
            "confidence": self.confidence,
            "method": self.method,
            "passages": [p.as_dict() for p in self.passages],
            "degraded": list(self.degraded),
            "notes": list(self.notes),
            "model": self.model,
            "adapter": self.adapter,
            "timings": asdict(self.timings),
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source that was not taken in, and why; ``code`` is one of ``SKIP_CODES``."""

    source: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """A source whose content is unchanged under a new path."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class UnreadPages:
    """Pages that hold an image and no text, and were not read; ``hint`` is what would read them."""

    source: str
    pages: tuple[int, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OcrPages:
    """Pages whose text, or the text of whose figures, was read by OCR."""

    source: str
    pages: tuple[int, ...]


@dataclass(slots=True)
class IngestReport:
    """What one ingest did. ``documents``, ``pages`` and ``chunks`` count what was read by it."""

    added: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    renamed: list[Renamed] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unread_pages: list[UnreadPages] = field(default_factory=list)
    ocr_pages: list[OcrPages] = field(default_factory=list)
    documents: int = 0
    pages: int = 0
    chunks: int = 0
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """How many sources are in the knowledge base after this ingest because of it, or still."""
        return len(self.added) + len(self.updated) + len(self.unchanged) + len(self.renamed)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON that ``ragedge ingest --json`` prints."""
        return {
            "schema": 1,
            "added": self.added,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "renamed": [{"from": r.old, "to": r.new} for r in self.renamed],
            "skipped": [asdict(s) for s in self.skipped],
            "unread_pages": [asdict(u) | {"pages": list(u.pages)} for u in self.unread_pages],
            "ocr_pages": [asdict(o) | {"pages": list(o.pages)} for o in self.ocr_pages],
            "documents": self.documents,
            "pages": self.pages,
            "chunks": self.chunks,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How to decode. The defaults are greedy.

    Attributes:
        max_new_tokens: Upper bound on generated tokens.
        temperature: 0 is greedy; above it, sampled.
        top_k: Keep the k likeliest tokens; 0 keeps all.
        top_p: Keep the smallest set whose probability reaches this; 1 keeps all.
        seed: Makes sampling repeatable on one machine and thread count.
        stop: Strings that end the answer and are not part of it.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(slots=True)
class GenerationStats:
    """Counts and times of one generation, filled in as it goes."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    new_tokens: int = 0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0
    finish_reason: Literal["stop", "length", "aborted"] | None = None


@dataclass(frozen=True, slots=True)
class GeneratorCapabilities:
    """What a generator can do beyond text in, text out; a remote server may have none of these."""

    logits: bool = False
    grammar: bool = False
    kv_state: bool = False
    adapters: bool = False
    token_counts: bool = False


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend can run here, and if not, why not and what to install."""

    available: bool
    reason: str
    devices: tuple[str, ...] = ()


def iter_block_text(page: Page) -> Iterator[tuple[Block, str]]:
    """Yield each block of a page with its text."""
    for block in page.blocks:
        yield block, page.text[block.start : block.end]

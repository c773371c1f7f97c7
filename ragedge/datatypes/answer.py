"""What a question is answered with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from textwrap import shorten
from typing import Any, Literal

from ragedge.datatypes.search_result import ScoredChunk

_SECTION = 60  # characters of a section's title, where a place is named on one line


@dataclass(frozen=True, slots=True)
class Citation:
    """Where an answer's words stand: ``page_text[start:end] == quote``, under ``heading``, outermost first."""

    source: str
    page: int | None
    page_label: str | None
    quote: str
    start: int
    end: int
    score: float
    heading: tuple[str, ...] = ()

    def __str__(self) -> str:
        section = f": {shorten(self.heading[-1], _SECTION, placeholder=' ...')}" if self.heading else ""
        if self.page is None:
            return f"{self.source}{section}"
        label = f" (printed {self.page_label})" if self.page_label not in (None, str(self.page)) else ""
        return f"{self.source}, page {self.page}{label}{section}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, who wrote it, and the indices of the citations that carry it.

    What a function returned (``tool``) has none: it stands after the function's name, as it came.
    """

    text: str
    origin: Literal["model", "quote", "tool"]
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
            "citations": [asdict(c) | {"heading": list(c.heading)} for c in self.citations],
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

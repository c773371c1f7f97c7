"""What flows through the pipeline, stage by stage.

    file -> Document(pages, blocks) -> Chunk -> ScoredChunk -> Answer(sentences, citations)

Offsets are code points, half-open, into the text of one page: ``page.text[start:end]`` is the quote.
Pages are 1-based positions in the file; ``None`` where a format has no pages.
``as_dict`` gives the JSON that the command line prints.
"""

from __future__ import annotations

from ragedge.datatypes.answer import Answer, AskTimings, Citation, SafetyNotice, Sentence
from ragedge.datatypes.document import (
    HIDDEN_REASONS,
    PART_OF,
    SAFETY_KINDS,
    Block,
    BlockKind,
    Chunk,
    Document,
    Metadata,
    MetadataValue,
    OcrLine,
    Page,
    PlacedSpan,
    Span,
)
from ragedge.datatypes.explanation import Check, EvidenceNote, Explanation
from ragedge.datatypes.generation import (
    GenerationOptions,
    GenerationStats,
    GeneratorCapabilities,
    Grammar,
    Message,
)
from ragedge.datatypes.ingest_report import (
    SKIP_CODES,
    HiddenText,
    IngestReport,
    OcrPages,
    PlantedInstructions,
    RedactedText,
    Renamed,
    Skipped,
    UnreadPages,
)
from ragedge.datatypes.personal_data import PersonalData
from ragedge.datatypes.probe import Probe
from ragedge.datatypes.search_result import ScoredChunk, SearchResult, SearchTimings, Why

__all__ = [
    "HIDDEN_REASONS",
    "PART_OF",
    "SAFETY_KINDS",
    "SKIP_CODES",
    "Answer",
    "AskTimings",
    "Block",
    "BlockKind",
    "Check",
    "Chunk",
    "Citation",
    "Document",
    "EvidenceNote",
    "Explanation",
    "GenerationOptions",
    "GenerationStats",
    "GeneratorCapabilities",
    "Grammar",
    "HiddenText",
    "IngestReport",
    "Message",
    "Metadata",
    "MetadataValue",
    "OcrLine",
    "OcrPages",
    "Page",
    "PersonalData",
    "PlacedSpan",
    "PlantedInstructions",
    "Probe",
    "RedactedText",
    "Renamed",
    "SafetyNotice",
    "ScoredChunk",
    "SearchResult",
    "SearchTimings",
    "Sentence",
    "Skipped",
    "Span",
    "UnreadPages",
    "Why",
]

"""How an answer came about: what was asked, what was found for it, what was decided and what was checked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class EvidenceNote:
    """A sentence, step or row that was weighed, and how.

    Attributes:
        source: The document.
        page: Its page; None where it has none.
        kind: ``sentence``, ``step``, ``row`` or a notice's word.
        text: Its words, verbatim.
        score: How well it answers; differences count, not the number itself.
        coverage: Weighted share of the question's terms that it or its headings hold, 0 to 1.
        similarity: Cosine of its vector with the question's; None where it was not compared.
        conflict: It speaks of another model, year, market or side than the question.
        quoted: It stands in the answer.
    """

    source: str
    page: int | None
    kind: str
    text: str
    score: float
    coverage: float
    similarity: float | None
    conflict: bool
    quoted: bool


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked of one sentence before it was handed out, or kept back.

    Attributes:
        text: The sentence.
        origin: ``quote``, ``model`` or ``tool``.
        outcome: ``verbatim``, ``verified``, ``as returned``; or why a sentence of the model was dropped, in a word
            (``numbers``, ``codes``, ``names``, ``negation``, ``support`` ...).
        stands: It is in the answer.
    """

    text: str
    origin: str
    outcome: str
    stands: bool


@dataclass(frozen=True, slots=True)
class Explanation:
    """How an answer came about.

    Attributes:
        form: What kind of answer the question asks for.
        language: Of the fixed sentences.
        terms: What of the question was looked for.
        missing: ... and stands in no passage.
        confidence: 0 to 1.
        threshold: Confidence under which nothing is answered.
        reason: Why nothing was; None where something was.
        features: What the confidence rests on, by name; see ``ragedge.generate.confidence``.
        evidence: The best, and all that was quoted, best first.
        checks: Of every sentence, in the order they were made.
    """

    form: str
    language: str
    terms: tuple[str, ...]
    missing: tuple[str, ...]
    confidence: float
    threshold: float
    reason: str | None
    features: dict[str, float]
    evidence: tuple[EvidenceNote, ...]
    checks: tuple[Check, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the ``explain`` object of ``ragedge ask --json --explain``."""
        return asdict(self)

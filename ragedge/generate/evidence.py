"""Finds the sentences, steps and table rows of the hits that answer a question, and says how well they do."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ragedge.datatypes import ScoredChunk
from ragedge.generate.applies import Asked, absent
from ragedge.generate.asked_value import values_in
from ragedge.generate.passages import Passage, read_passage, repeated_lines
from ragedge.generate.question import Question
from ragedge.generate.sentences import cells, flat
from ragedge.generate.terms import codes, is_code
from ragedge.generate.unit_score import Features, Similarity, read_features, score
from ragedge.generate.value_kind import ValueKind

_CODE_WEIGHT = 2.0  # a code in the question is what it is about
_COMPARED = 12  # units at most whose vectors are compared with the question's; the others are far behind


@dataclass(frozen=True, slots=True)
class Evidence:
    """One unit and how well it answers.

    Attributes:
        passage: Which passage.
        unit: Which of its units.
        score: Differences count, not the number itself.
        coverage: Weighted share of the question's terms that it or its headings hold.
        own: ... that the unit itself holds.
        similarity: Cosine of its vector with the question's; None where it was not compared.
        conflict: It is about another model, year, market or side than the question.
    """

    passage: int
    unit: int
    score: float
    coverage: float
    own: float = 0.0
    similarity: float | None = None
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything the hits offer to a question.

    Attributes:
        passages: The hits, best first.
        ranked: Units by score, best first.
        weights: How much each term of the question tells.
        passage_coverage: Weighted share of the question's terms in the best single passage, heading included.
        missing: Terms of the question that no passage holds.
        missing_codes: Codes of the question that no passage holds.
        parts: The same passages read for each of the questions that it asks; empty where it asks one.
    """

    question: Question
    passages: tuple[Passage, ...]
    ranked: tuple[Evidence, ...]
    weights: dict[str, float]
    passage_coverage: float
    missing: frozenset[str]
    missing_codes: frozenset[str]
    parts: tuple[Findings, ...] = ()


def find_evidence(
    question: Question, hits: Sequence[ScoredChunk], similarity: Similarity | None = None
) -> Findings:
    """Score every unit of every hit against the question.

    Args:
        question: What is asked.
        hits: Best first.
        similarity: Compares the question with units by their vectors; None leaves that out.
    """
    furniture = repeated_lines(hits)
    passages = tuple(read_passage(hit, furniture) for hit in hits)
    weights = term_weights(question.terms, passages)
    total = sum(weights.values()) or 1.0
    asked = Asked(question.text)
    seen = [
        (place, index, read_features(question, asked, weights, passages, place, index))
        for place, passage in enumerate(passages)
        for index, unit in enumerate(passage.units)
        if unit.kind not in ("heading", "order") and passage.unit_terms[index] and not passage.is_head(index)
    ]
    seen.sort(key=lambda found: -score(found[2]))
    cosines = _compare(question, passages, seen, similarity)
    ranked = [
        Evidence(
            place,
            index,
            score(features, cosine),
            features.own + features.headed,
            features.own,
            None if similarity is None else cosine,
            bool(features.conflicts or features.title_conflicts),
        )
        for (place, index, features), cosine in zip(seen, cosines, strict=True)
    ]
    ranked.sort(key=lambda e: (-e.score, e.passage, e.unit))
    everything = frozenset[str]().union(*(p.terms for p in passages))
    return Findings(
        question=question,
        passages=passages,
        ranked=tuple(ranked),
        weights=weights,
        passage_coverage=max((_covered(weights, p.terms) / total for p in passages), default=0.0),
        missing=frozenset(t for t in question.terms if t not in everything),
        missing_codes=(
            frozenset(codes(question.text)) - frozenset[str]().union(*(_codes(p) for p in passages))
        )
        | absent(question.text, map(_whole, passages)),
    )


def unit_text(passage: Passage, index: int) -> str:
    """Return a unit as it is compared: on one line, a row's cells with their column heads."""
    unit = passage.units[index]
    if unit.kind != "row":
        return flat(passage.text(unit))
    row, heads = cells(passage.text(unit)), passage.heads(index)
    return "; ".join(
        f"{h}: {c}" if h else c for c, h in zip(row, heads or [""] * len(row), strict=False) if c
    )


def _compare(
    question: Question,
    passages: Sequence[Passage],
    seen: Sequence[tuple[int, int, Features]],
    similarity: Similarity | None,
) -> list[float]:
    """Return a cosine for each unit; what was not compared gets the least of those that were."""
    if similarity is None or not seen:
        return [0.0] * len(seen)
    texts = [unit_text(passages[place], index) for place, index, _ in seen[:_COMPARED]]
    cosines = [float(cosine) for cosine in similarity(question.text, texts)]
    return cosines + [min(cosines)] * (len(seen) - len(cosines))


def term_weights(terms: Sequence[str], passages: Sequence[Passage]) -> dict[str, float]:
    """Weigh a question's terms by their rarity among the units: a word that every unit holds tells little.

    The usual inverse document frequency, over units in place of documents (Spärck Jones 1972).
    """
    units = [terms for passage in passages for terms in passage.unit_terms]
    held = Counter(term for unit in units for term in unit)
    weights = {term: math.log(1 + (len(units) + 1) / (held[term] + 0.5)) for term in terms if held[term]}
    # A word that no unit holds may be the user's own for something the passages name otherwise.
    typical = sum(weights.values()) / len(weights) if weights else 1.0
    return {
        term: weights.get(term, typical) * (_CODE_WEIGHT if is_code(term) and not term.isdecimal() else 1.0)
        for term in terms
    }


def holds_value(findings: Findings, evidence: Evidence) -> bool:
    """Whether a unit holds a value in the unit asked for; where none is, a number that the question does not."""
    passage = findings.passages[evidence.passage]
    value, in_unit = values_in(findings.question, passage, evidence.unit)
    return value if in_unit is None else in_unit


def has_kind(findings: Findings, kind: ValueKind, evidence: Evidence) -> bool:
    """Whether a unit, with its column heads where it is a row, holds a value of a kind."""
    passage = findings.passages[evidence.passage]
    unit = passage.units[evidence.unit]
    heads = " | ".join(passage.heads(evidence.unit)) if unit.kind == "row" else ""
    return kind.is_in(passage.text(unit), heads)


def _covered(weights: dict[str, float], terms: frozenset[str]) -> float:
    return sum(weight for term, weight in weights.items() if term in terms)


def _whole(passage: Passage) -> str:
    return "\n".join((*passage.hit.heading, passage.hit.context, passage.hit.text))


def _codes(passage: Passage) -> frozenset[str]:
    return frozenset(codes(_whole(passage)))

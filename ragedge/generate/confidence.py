"""What tells a question that the passages answer from one that they only come near to, as numbers.

A near miss shares its words with a passage; what it lacks is one thing: the model, the year, the number or the
kind of value that is asked for. So besides how much of the question the best unit holds, it counts what the whole
collection does not hold, which numbers and codes of the question the unit leaves out, and whether a value of the
kind asked for stands in the unit that is about it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ragedge.generate.evidence import Evidence, Findings, holds_value
from ragedge.generate.subject import particular
from ragedge.generate.terms import content_terms, is_code, quantities
from ragedge.generate.value_kind import ValueKind, value_kind

WordCounts = Mapping[str, int]
"""In how many chunks each word of a question stands, and under ``""`` how many chunks there are."""

_LOOKED_AT = 12  # units; the answer stands among the first few or not at all
_MOST = 2  # things left out; a third says no more
_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")


class Features(NamedTuple):
    """What the confidence rests on; every value lies in 0 to 2.

    Attributes:
        coverage: Weighted share of the question's terms that the best unit holds, titles and column heads included.
        joint: ... the best unit that also holds a value of the kind asked for; as ``coverage`` where none is.
        own: ... the best unit without its titles.
        passage: ... the best passage.
        subject: ... of the particular terms alone, in the better of the first two units.
        unknown: Weighted share of the terms that stand nowhere in the collection.
        unknown_names: Codes, numbers and names among those.
        numbers: Numbers and codes of the question that the best unit leaves out.
        excluded: 1 where years, sizes or codes of the question are missing from every passage.
        untyped: 1 where a kind of value is asked for and no unit about the subject holds one.
        unvalued: 1 where some value is asked for and the best units hold none.
        score: Of the first hit, as retrieval fused it.
        spread: How far the first hit stands above the last.
        dense: Highest cosine of question and passage.
        agreement: 1 where one passage leads both rankings, 0.5 where the first has a place in both.
        similar: Highest cosine of question and unit.
        pinned: 1 where the question names codes or numbers and the best unit or its titles hold them all.
    """

    coverage: float
    joint: float
    own: float
    passage: float
    subject: float
    unknown: float
    unknown_names: float
    numbers: float
    excluded: float
    untyped: float
    unvalued: float
    score: float
    spread: float
    dense: float
    agreement: float
    similar: float
    pinned: float


def features(findings: Findings, counts: WordCounts | None = None) -> Features:
    """Return what the confidence rests on.

    Args:
        findings: The evidence; it has passages.
        counts: How common the question's words are in the collection; None takes the passages for all there is.
    """
    question = findings.question
    held = _Held(findings, value_kind(question.text))
    known = _known_terms(findings, counts)
    weights = _weights(findings, known)
    units = findings.ranked[:_LOOKED_AT]
    shares = [(_share(weights, held.by(e)), held.has_kind_near(e)) for e in units]
    coverage = max((share for share, _ in shares), default=0.0)
    joint = max((share for share, typed in shares if typed), default=0.0)
    passages = [p.terms for p in findings.passages]
    everything = frozenset().union(*passages)
    unknown = {t for t in weights if t not in everything and known.get(t) == 0}
    exact = _exact_terms(question.text)
    best = max(units, key=lambda e: _share(weights, held.by(e)), default=None)
    numbers = {t for t in exact if any(c.isdigit() for c in t)}
    left_out = numbers - held.by(best) if best else numbers
    cosines = [e.similarity for e in findings.ranked if e.similarity is not None]
    return Features(
        coverage=coverage,
        joint=joint,
        own=max((_share(weights, held.alone(e)) for e in units[:3]), default=0.0),
        passage=max((_share(weights, terms) for terms in passages), default=0.0),
        subject=_subject(findings),
        unknown=sum(weights[t] for t in unknown) / (sum(weights.values()) or 1.0),
        unknown_names=float(min(_MOST, len(unknown & exact))),
        numbers=float(min(_MOST, len(left_out))) if best else 0.0,
        excluded=float(bool(findings.missing_codes)),
        untyped=float(held.kind is not None and joint < _ABOUT * coverage),
        unvalued=float(question.form == "value" and not any(holds_value(findings, e) for e in units[:3])),
        similar=max(0.0, *cosines, 0.0) if cosines else _NO_COSINE,
        pinned=float(bool(numbers) and not left_out),
        **_ranking(findings),
    )


_ABOUT = 0.7  # of the best unit's coverage, from which a unit is about the same


class _Held:
    """What units hold of a question."""

    def __init__(self, findings: Findings, kind: ValueKind | None) -> None:
        self.kind = kind
        self._findings = findings
        # "torque" is held by "35 N·m" as well.
        self._asked = frozenset(content_terms(kind.asked)) if kind else frozenset()

    def alone(self, evidence: Evidence) -> frozenset[str]:
        """Return the terms of a unit."""
        return self._findings.passages[evidence.passage].unit_terms[evidence.unit]

    def by(self, evidence: Evidence) -> frozenset[str]:
        """Return the terms of a unit, its titles and column heads, and the name of the value that it holds."""
        terms = self.alone(evidence) | self._findings.passages[evidence.passage].heading_terms
        terms = terms.union(content_terms(self._heads(evidence)))
        return terms | self._asked if self.has_kind(evidence) else terms

    def has_kind(self, evidence: Evidence) -> bool:
        """Whether a unit holds a value of the kind asked for; True where none is."""
        if self.kind is None:
            return True
        passage = self._findings.passages[evidence.passage]
        return self.kind.is_in(passage.text(passage.units[evidence.unit]), self._heads(evidence))

    def has_kind_near(self, evidence: Evidence) -> bool:
        """Whether it or the sentence after it holds one: "Check the resistance. It must be 8 to 9 ohms."."""
        if self.has_kind(evidence):
            return True
        units = self._findings.passages[evidence.passage].units
        after = evidence.unit + 1
        if (
            units[evidence.unit].kind == "row"
            or after >= len(units)
            or units[after].kind in ("row", "heading")
        ):
            return False
        return self.has_kind(replace(evidence, unit=after))

    def _heads(self, evidence: Evidence) -> str:
        passage = self._findings.passages[evidence.passage]
        return " | ".join(passage.heads(evidence.unit)) if passage.units[evidence.unit].kind == "row" else ""


def _known_terms(findings: Findings, counts: WordCounts | None) -> dict[str, int]:
    """Return in how many chunks each term of the question stands; ``""`` is how many there are."""
    if counts is None:
        units = [terms for passage in findings.passages for terms in passage.unit_terms]
        held = {t: sum(t in terms for terms in units) for t in findings.question.terms}
        return {**held, "": len(units)}
    known: dict[str, int] = {"": counts.get("", 0)}
    for word, count in counts.items():
        for term in content_terms(word):
            known[term] = max(count, known.get(term, 0))
    return known


def _weights(findings: Findings, known: Mapping[str, int]) -> dict[str, float]:
    """Weigh the question's terms by their rarity in the collection (Spärck Jones 1972)."""
    total = max(known[""], 1)
    # What is no word of the question is another name for one (a sump plug is an oil drain plug): of middling rarity.
    middling = sorted(known.values())[len(known) // 2]
    return {t: math.log(1 + total / (known.get(t, middling) + 0.5)) for t in findings.question.terms}


def _share(weights: Mapping[str, float], terms: frozenset[str]) -> float:
    total = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in terms) / total if total else 0.0


def _exact_terms(text: str) -> frozenset[str]:
    """Return the terms of codes, numbers and words with a capital letter, the first word left out."""
    found: set[str] = set()
    for place, match in enumerate(_WORD.finditer(text)):
        word = match.group()
        if (
            is_code(word)
            or word[0].isdigit()
            or (place and word[0].isupper() and not quantities(f"2 {word}"))
        ):
            found.update(content_terms(word))
    return frozenset(found)


def _subject(findings: Findings) -> float:
    """Return how much of what the question is particularly about stands in one of the best units."""
    subject = particular(findings.weights)
    best = 0.0
    for evidence in findings.ranked[:2]:
        passage = findings.passages[evidence.passage]
        best = max(best, _share(subject, passage.unit_terms[evidence.unit] | passage.heading_terms))
    return best


_NO_COSINE = 0.5  # ... of question and unit
_NO_VECTORS = 0.35  # cosine taken where the vectors were not asked
_MOST_SCORE = 2.0


def _ranking(findings: Findings) -> dict[str, float]:
    hits = [p.hit for p in findings.passages]
    dense = max((h.why.dense_score for h in hits if h.why.dense_score is not None), default=_NO_VECTORS)
    agreement = 0.0
    for hit in hits:
        ranks = (hit.why.dense_rank, hit.why.text_rank)
        if ranks == (1, 1):
            agreement = 1.0
        elif hit.rank == 1 and None not in ranks:
            agreement = max(agreement, 0.5)
    scores = [min(_MOST_SCORE, max(0.0, h.score)) for h in hits]
    return {
        "score": scores[0],
        "spread": max(0.0, scores[0] - min(scores)),
        "dense": max(0.0, float(dense)),
        "agreement": agreement,
    }

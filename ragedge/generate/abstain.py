"""Decides before anything is generated whether the passages answer, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ragedge.generate.evidence import Findings, holds_value
from ragedge.generate.terms import content_terms

# Logistic regression of "the passages answer" on the features below, answerable questions weighing 7 in 10.
# Fitted by benchmarks/fit_confidence.py on the first half of the television manual's questions, on questions
# written for the car guides and on the example manual's; their unanswerable twins are the same with the
# answering passages taken away, and questions asked of the wrong manual.
_BIAS = -4.53
_WEIGHTS = (1.14, 1.15, 2.88, 1.86, -0.79, 0.81, 0.76)
# Words that many questions share: the kind of value, the kind of work, the car itself.
_GENERAL = frozenset(
    content_terms(
        "torque tighten pressure voltage current capacity volume quantity amount level number part type size grade "
        "weight interval time period distance value rating specification year replace change remove fit install "
        "check adjust take find car vehicle model variant meaning step procedure normal engine use"
    )
)
_NO_VECTORS = 0.35  # cosine taken where the vectors were not asked


@dataclass(frozen=True, slots=True)
class Decision:
    """How likely the passages answer, and why not if they do not.

    Attributes:
        confidence: 0 to 1.
        reason: ``no_passages``, ``terms_missing``, ``low_score``, or None to answer.
    """

    confidence: float
    reason: str | None


def features(findings: Findings) -> tuple[float, ...]:
    """Return what the decision rests on.

    Returns:
        coverage: weighted share of the question's terms in the best unit with its heading, 0 to 1.
        passage coverage: ... in the best passage, 0 to 1.
        dense: highest cosine between question and passage.
        agreement: 1 where one passage leads both rankings, 0.5 where the first has a place in both, else 0.
        missing: share of the question's terms that no passage holds, 0 to 1.
        value: 0 where a value is asked for and none of the best units holds one in the unit asked for, else 1.
        subject: weighted share of the question's particular terms in one of the best units with its titles.
    """
    hits = [p.hit for p in findings.passages]
    dense = max((h.why.dense_score for h in hits if h.why.dense_score is not None), default=_NO_VECTORS)
    agreement = 0.0
    for hit in hits:
        ranks = (hit.why.dense_rank, hit.why.text_rank)
        if ranks == (1, 1):
            agreement = 1.0
        elif hit.rank == 1 and None not in ranks:
            agreement = max(agreement, 0.5)
    coverage = max((e.coverage for e in findings.ranked), default=0.0)
    value = findings.question.form != "value" or any(holds_value(findings, e) for e in findings.ranked[:3])
    terms = findings.question.terms
    missing = len(findings.missing) / len(terms) if terms else 1.0
    return (
        coverage,
        findings.passage_coverage,
        float(dense),
        agreement,
        missing,
        float(value),
        _subject(findings),
    )


def _subject(findings: Findings) -> float:
    """Return how much of what the question is particularly about stands in one of the best units."""
    particular = {t: w for t, w in findings.weights.items() if t not in _GENERAL} or findings.weights
    total = sum(particular.values())
    best = 0.0
    for evidence in findings.ranked[:2]:
        passage = findings.passages[evidence.passage]
        held = passage.unit_terms[evidence.unit].union(passage.heading_terms)
        best = max(best, sum(w for t, w in particular.items() if t in held))
    return best / total if total else 0.0


def decide(findings: Findings, threshold: float) -> Decision:
    """Decide whether to answer.

    Args:
        findings: The evidence.
        threshold: Confidence under which not to.
    """
    if not findings.passages or not findings.ranked:
        return Decision(0.0, "no_passages")
    z = _BIAS + sum(w * x for w, x in zip(_WEIGHTS, features(findings), strict=True))
    confidence = 1 / (1 + math.exp(-z))
    if findings.missing_codes:
        return Decision(min(confidence, threshold / 2), "terms_missing")
    if findings.question.terms and len(findings.missing) == len(findings.question.terms) and confidence < 0.5:
        return Decision(confidence, "terms_missing")
    if confidence < threshold:
        return Decision(confidence, "low_score")
    return Decision(confidence, None)

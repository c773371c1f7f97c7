"""Decides before anything is generated whether the passages answer, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ragedge.generate.evidence import Findings

# Logistic regression of "a retrieved passage answers" on the features below.
# Fitted by benchmarks/fit_confidence.py, which says on what.
_BIAS = -4.2
_WEIGHTS = (3.0, 2.0, 5.0, 0.5, 0.5)
_SURE_BELOW = 0.05  # nothing in the passages touches the question


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
        dense: highest cosine between question and passage; 0.35 where the vectors were not asked.
        first in both: 1 where one passage leads both rankings, 0.5 where the first has a place in both.
        present: share of the question's terms that some passage holds.
    """
    hits = [p.hit for p in findings.passages]
    dense = max((h.why.dense_score for h in hits if h.why.dense_score is not None), default=0.35)
    agree = 0.0
    for hit in hits:
        ranks = (hit.why.dense_rank, hit.why.text_rank)
        if ranks == (1, 1):
            agree = 1.0
        elif hit.rank == 1 and None not in ranks:
            agree = max(agree, 0.5)
    terms = len(findings.question.terms)
    present = 1 - len(findings.missing) / terms if terms else 0.0
    best = max((e.coverage for e in findings.ranked), default=0.0)
    return best, findings.passage_coverage, float(dense), agree, present


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

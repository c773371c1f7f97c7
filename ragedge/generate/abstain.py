"""Decides before anything is generated whether the passages answer, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ragedge.generate.confidence import Features, WordCounts, features
from ragedge.generate.evidence import Findings

# Logistic regression of "the facts asked for stand on a page that the answer cites", taken to be so for 64 questions
# in 100: 3 in 4 have an answer, and of those the page is found for 85 in 100. Fitted and printed by
# benchmarks/fit_confidence.py; docs/decisions/024, 030 and 048 say on what.
_BIAS = -3.76
_WEIGHTS = Features(
    coverage=0.0,
    joint=0.59,
    own=0.0,
    passage=0.84,
    subject=0.66,
    unknown=0.0,
    unknown_names=-0.31,
    numbers=-0.77,
    excluded=-2.19,
    untyped=-2.69,
    unvalued=-0.64,
    score=0.0,
    spread=1.32,
    dense=1.77,
    agreement=0.46,
    similar=3.1,
    pinned=0.42,
)
LEFT_OUT = frozenset({"coverage", "own", "unknown", "score"})  # said by the others
# From this share on, what the question is about stands nowhere, and the rest (a towing capacity, of a moon buggy) finds
# its passages all the same. It costs none of 211 answerable development questions its answer.
_MOSTLY_UNKNOWN = 0.6


@dataclass(frozen=True, slots=True)
class Decision:
    """How likely the passages answer, and why not if they do not.

    Attributes:
        confidence: 0 to 1.
        reason: ``no_passages``, ``terms_missing``, ``low_score``, or None to answer.
        features: What the confidence rests on; None where there are no passages.
    """

    confidence: float
    reason: str | None
    features: Features | None = None


def decide(findings: Findings, threshold: float, counts: WordCounts | None = None) -> Decision:
    """Decide whether to answer.

    Args:
        findings: The evidence.
        threshold: Confidence under which not to.
        counts: How common the question's words are in the collection; None where only the passages are known.
    """
    if not findings.passages or not findings.ranked:
        return Decision(0.0, "no_passages")
    if findings.parts:
        parts = [decide(part, threshold, counts) for part in findings.parts]
        confidence = sum(part.confidence for part in parts) / len(parts)
        least = min(parts, key=lambda part: part.confidence)
        return Decision(confidence, None if confidence >= threshold else least.reason, least.features)
    values = features(findings, counts)
    confidence = 1 / (1 + math.exp(-_BIAS - sum(w * x for w, x in zip(_WEIGHTS, values, strict=True))))
    if values.unknown >= _MOSTLY_UNKNOWN:
        confidence *= 1 - values.unknown
    if confidence >= threshold:
        return Decision(confidence, None, values)
    lacking = (
        values.unknown >= _MOSTLY_UNKNOWN or values.excluded or values.unknown_names or not values.passage
    )
    return Decision(confidence, "terms_missing" if lacking else "low_score", values)

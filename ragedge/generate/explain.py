"""What ``--explain`` shows of an answer: the evidence weighed, the decision and the checks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ragedge.datatypes import Check, EvidenceNote, Explanation
from ragedge.generate.abstain import Decision
from ragedge.generate.citations import place
from ragedge.generate.evidence import Evidence, Findings
from ragedge.generate.sentences import flat

_SHOWN = 6  # of the best evidence, besides what was quoted
_DIGITS = 4


def explain(
    findings: Findings,
    decision: Decision,
    threshold: float,
    quoted: Collection[tuple[int, int]],
    checks: Sequence[Check],
) -> Explanation:
    """Put together how an answer came about.

    Args:
        findings: All the evidence.
        decision: To answer or not.
        threshold: Confidence under which nothing is answered.
        quoted: (passage, unit) of what stands in the answer.
        checks: Of each sentence.
    """
    question = findings.question
    ranked = enumerate(findings.ranked)
    shown = [e for rank, e in ranked if rank < _SHOWN or (e.passage, e.unit) in quoted]
    values = decision.features._asdict() if decision.features is not None else {}
    return Explanation(
        question.form,
        question.language,
        question.terms,
        tuple(sorted(findings.missing | findings.missing_codes)),
        round(decision.confidence, _DIGITS),
        threshold,
        decision.reason,
        {name: round(value, _DIGITS) for name, value in values.items()},
        tuple(_note(findings, e, quoted) for e in shown),
        tuple(checks),
    )


def _note(findings: Findings, evidence: Evidence, quoted: Collection[tuple[int, int]]) -> EvidenceNote:
    passage = findings.passages[evidence.passage]
    unit = passage.units[evidence.unit]
    return EvidenceNote(
        passage.hit.source,
        place(passage.hit, unit.start, unit.end)[0][0].page,
        unit.kind,
        flat(passage.text(unit)),
        round(evidence.score, _DIGITS),
        round(evidence.coverage, _DIGITS),
        None if evidence.similarity is None else round(evidence.similarity, _DIGITS),
        evidence.conflict,
        (evidence.passage, evidence.unit) in quoted,
    )

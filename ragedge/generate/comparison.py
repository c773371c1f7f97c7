"""The two sides of a comparison, and the evidence that speaks of each: "the difference between A and B"."""

from __future__ import annotations

import re

from ragedge.generate.applies import OPPOSED
from ragedge.generate.evidence import Evidence, Findings
from ragedge.generate.sentences import NOT_QUOTED
from ragedge.generate.terms import content_terms

_SIDES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"\b(?:between|zwischen)\s+(?P<a>.+?)\s+(?:and|und)\s+(?P<b>.+?)\W*$",
        r"(?:[,:]|\bfor|\bbei|\bof|\bin)\s+(?P<a>[^,:]+?)\s*,?\s+(?:or|oder)\s+(?P<b>[^,:]+?)\W*$",
        r"^\W*(?P<a>[^,:]+?)\s+(?:or|oder)\s+(?P<b>[^,:]+?)\s*[,:]\s*(?:which|what|welche\w*)\b",
        r"\b(?P<a>[^,:?]+?)\s+(?:versus|vs\.?|compared (?:to|with))\s+(?P<b>.+?)\W*$",
        r"\bdoes\s+(?P<a>.+?)\s+(?:differ from)\s+(?P<b>.+?)\W*$",
        r"^\W*(?:is|are|does|do|has|have|can|ist|sind|hat)\s+(?P<a>.+?)\s+[^\W\d_]+\s+(?:than|als)\s+(?P<b>.+?)\W*$",
        r"(?P<a>[^、。?？]+?)と(?P<b>[^、。?？]+?)の(?:違い|差)",
    )
)
_LOOKED_AT = 24  # units, best first
_FOR_SIDE = (
    1.0  # what holding all of a side's own words adds to a unit's score, which differs by about as much
)
_BEHIND = 1.6  # a side's unit may stand this far behind the best one


def sides(question: str) -> tuple[frozenset[str], frozenset[str]] | None:
    """Return the terms that each side of a comparison has for itself; None where two sides cannot be told."""
    for pattern in _SIDES:
        if found := pattern.search(question):
            one, other = (frozenset(content_terms(found[name])) for name in ("a", "b"))
            if one - other and other - one:
                return _telling(one - other), _telling(other - one)
    return None


def _telling(terms: frozenset[str]) -> frozenset[str]:
    """Return the codes and numbers among a side's terms, else its opposites (front, rear), else all."""
    for kind in (_has_digit, _is_opposed):
        if found := frozenset(filter(kind, terms)):
            return found
    return terms


def _has_digit(term: str) -> bool:
    return any(c.isdigit() for c in term)


def _is_opposed(term: str) -> bool:
    return any(term in group for group in OPPOSED)


def evidence_by_side(findings: Findings) -> list[Evidence]:
    """Return the best unit about each side, in the order of the question; one where it is about both.

    Empty where no comparison is asked for or a side has no evidence near the best.
    """
    compared = sides(findings.question.text)
    if compared is None or not findings.ranked:
        return []
    chosen = []
    for own, others in (compared, compared[::-1]):
        best: tuple[float, Evidence] | None = None
        for evidence in findings.ranked[:_LOOKED_AT]:
            if evidence.score < findings.ranked[0].score - _BEHIND:
                break
            held = _terms(findings, evidence)
            unit = findings.passages[evidence.passage].units[evidence.unit]
            share = len(own & held) / len(own)
            if not share or unit.kind in NOT_QUOTED:
                continue
            about_other = (
                len(others & held) / len(others) / 2 if others - held else 0.0
            )  # both in one is best
            score = evidence.score + _FOR_SIDE * (share - about_other)
            if best is None or score > best[0]:
                best = score, evidence
        if best is None:
            return []
        chosen.append(best[1])
    return chosen[:1] if chosen[0] == chosen[1] else chosen


def _terms(findings: Findings, evidence: Evidence) -> frozenset[str]:
    """Return what a unit holds, its titles and column heads included."""
    passage = findings.passages[evidence.passage]
    held = passage.unit_terms[evidence.unit] | frozenset(content_terms(" \n ".join(passage.titles())))
    if passage.units[evidence.unit].kind == "row":
        held = held.union(*(content_terms(head) for head in passage.heads(evidence.unit)))
    return held

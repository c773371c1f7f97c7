"""When a question is answered: beside the value asked for, of the thing asked about, another thing's is one too many.

How far behind the best unit a further quote may stand, and how many there may be, was chosen on development questions,
so that no fact is lost (docs/decisions/042-an-answer-stops.md; benchmarks/quoting.py measures it).
"""

from __future__ import annotations

from ragedge.generate.evidence import Evidence, Findings, has_kind
from ragedge.generate.subject import particular
from ragedge.generate.terms import content_terms
from ragedge.generate.value_kind import grade_kind, value_kind

# Below the best unit's score; what is further behind seldom answers. A value that is missed is worse than a few more
# rows; steps are worse for every sentence that does not belong (docs/decisions/037).
_CLOSE = {"value": 0.8, "where": 0.4, "yes_no": 0.6, "compare": 0.6, "explain": 0.6, "how_to": 0.3}
_MOST = 8  # quotes besides the first paragraph
_MOST_VALUES = 5  # ... of a question for a value
_CLOSE_TO_TYPED = 0.6  # where the best unit holds a value of the kind asked for
_CLOSE_TO_WHOLE = 0.3  # ... or by itself nearly all that the question is about
_WHOLE = 0.8
_PARAGRAPH = 500  # characters of running text that explain by themselves ...
_CLOSE_TO_PARAGRAPH = 0.1  # ... so that only what does as well is added
_ANSWERS = 0.5  # share of the subject from which a unit with a value of the kind asked for answers


class Enough:
    """What may still be quoted beside the best unit."""

    def __init__(self, findings: Findings, best: Evidence, length: int) -> None:
        """Look at the best unit.

        Args:
            findings: All the evidence.
            best: The unit that the answer begins with.
            length: Characters of what is quoted with it already.
        """
        form = findings.question.form
        question = findings.question.text
        kind = grade_kind(question) or value_kind(question) if form == "value" else None
        self._findings = findings
        self._subject = particular(findings.weights, content_terms(kind.asked) if kind else ())
        self._own, self._held = self._terms(best)
        self._table = self._heads(best)
        self._kind = kind if kind is not None and has_kind(findings, kind, best) else None
        self._answered = self._kind is not None and self._share(self._held) >= _ANSWERS
        self.most = _MOST if form != "value" or kind is not None else _MOST_VALUES
        close = _CLOSE[form]
        if self._kind is not None:
            close = _CLOSE_TO_TYPED
        elif form == "value" and kind is None and self._share(self._own) >= _WHOLE:
            close = _CLOSE_TO_WHOLE
        elif form == "explain" and length >= _PARAGRAPH:
            close = _CLOSE_TO_PARAGRAPH
        self.least_score = best.score - close

    def allows(self, other: Evidence) -> bool:
        """Whether a further unit may answer too: the value of the same thing, under another condition."""
        if not self._answered or self._kind is None:
            return True
        own, held = self._terms(other)
        if not (self._own <= own and self._held <= held and has_kind(self._findings, self._kind, other)):
            return False
        # Under the title of the table that answers, a row of it may; what else stands there must say of what it speaks.
        return self._table is None or self._table == self._heads(other) or self._held <= own

    def _heads(self, evidence: Evidence) -> tuple[str, ...] | None:
        """Return the column heads of a row; None for anything else."""
        passage = self._findings.passages[evidence.passage]
        is_row = passage.units[evidence.unit].kind == "row"
        return tuple(passage.heads(evidence.unit)) if is_row else None

    def _terms(self, evidence: Evidence) -> tuple[set[str], set[str]]:
        """Return the terms of the subject that a unit holds, and that it holds with its titles and column heads."""
        passage = self._findings.passages[evidence.passage]
        own = passage.unit_terms[evidence.unit]
        held = own | passage.heading_terms
        if passage.units[evidence.unit].kind == "row":
            held = held.union(*(content_terms(head) for head in passage.heads(evidence.unit)))
        return set(own & self._subject.keys()), set(held & self._subject.keys())

    def _share(self, terms: set[str]) -> float:
        return sum(self._subject[t] for t in terms) / (sum(self._subject.values()) or 1.0)

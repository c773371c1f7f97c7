"""How well one sentence, step or table row answers a question: a weighted sum of what can be seen in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ragedge.generate.applies import Asked
from ragedge.generate.asked_value import values_in
from ragedge.generate.passages import Passage
from ragedge.generate.question import Question
from ragedge.generate.sentences import cells
from ragedge.generate.terms import codes, content_terms, quantities

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Returns the cosine of a question's vector with those of texts, one for each."""

# Fitted by benchmarks/fit_evidence.py on development questions: the listwise softmax loss (Cao et al. 2007),
# the share of the question's words as the measure for all others. Names as in ``Features``.
WEIGHTS = {
    "own": 1.0, "headed": 1.1, "beside": 0.4, "passage": 0.25, "pairs": 0.1, "rank": 0.15, "retrieved": 0.95,
    "row": 0.15, "headed_row": 0.1, "value": 0.4, "unit": 0.6, "other_unit": -0.2, "quantity": 0.1, "settles": 0.15,
    "conflicts": -0.75, "title_conflicts": -0.65, "defines": 0.65, "notice": -0.15, "no_statement": -0.3,
    "short": -0.75, "step": 0.45,
}  # fmt: skip
SIMILARITY_WEIGHT = 1.3
NOT_A_STATEMENT = re.compile(
    r"\.{5,}|(?:\. ){5,}|^(?:figure|fig\.|picture|table|abb\.|bild|図|表)\s?[\d.-]+|\?$", re.I
)  # a line of a table of contents, a caption, a question
_CONTENTS = re.compile(
    r"\W*(?:table of )?(?:contents|index|alphabetical index|list of (?:figures|tables)|inhalt\w*|stichwort\w*)\W*$"
    r"|目次|索引",
    re.I,
)
_TOO_SHORT = 3  # terms; a unit with fewer says little by itself


@dataclass(frozen=True, slots=True)
class Features:
    """What can be seen in a unit; shares are of the question's terms, weighted, 0 to 1.

    Attributes:
        own: Share in the unit itself.
        headed: ... in its headings or column heads alone.
        beside: ... in the units before and after it alone.
        passage: ... in the rest of the passage alone.
        pairs: Share of the question's neighbouring terms that are neighbours here.
        rank: One over the passage's rank.
        retrieved: The passage's score as a share of the first one's.
        row: It is a table row.
        headed_row: ``headed``, of a row: its table's title says what it applies to.
        value: A value is asked for, and it holds one.
        unit: ... in the unit asked for.
        other_unit: ... but none in the unit asked for.
        quantity: A quantity that the question names.
        settles: Names the model, year, market or side asked about.
        conflicts: ... another one.
        title_conflicts: Its title does, and it does not settle it.
        defines: A row whose first cell is a code that the question names.
        notice: It reaches the reader as a notice by itself.
        no_statement: A caption, a question, a line of a table of contents.
        short: It says little by itself.
        step: A step, where the question asks how to.
    """

    own: float
    headed: float
    beside: float
    passage: float
    pairs: float
    rank: float
    retrieved: float
    row: float
    headed_row: float
    value: float
    unit: float
    other_unit: float
    quantity: float
    settles: float
    conflicts: float
    title_conflicts: float
    defines: float
    notice: float
    no_statement: float
    short: float
    step: float


def read_features(
    question: Question,
    asked: Asked,
    weights: dict[str, float],
    passages: Sequence[Passage],
    place: int,
    index: int,
) -> Features:
    """Look at one unit.

    Args:
        question: What is asked.
        asked: The models, years and sides that it names.
        weights: How much each of its terms tells.
        passages: All of them, best first.
        place: Which of them.
        index: Which of its units.
    """
    passage, unit = passages[place], passages[place].units[index]
    text, own, headed = passage.text(unit), passage.unit_terms[index], passage.heading_terms
    row = unit.kind == "row"
    if row:
        headed = headed.union(*(content_terms(head) for head in passage.heads(index)))
    beside = frozenset[str]().union(
        *(passage.unit_terms[i] for i in (index - 1, index + 1) if 0 <= i < len(passage.units))
    )
    total = sum(weights.values()) or 1.0

    def share(terms: frozenset[str], counted: frozenset[str]) -> float:
        return sum(w for term, w in weights.items() if term in terms and term not in counted) / total

    by_heads = share(headed, own)
    value, in_unit = values_in(question, passage, index) if question.form == "value" else (False, None)
    settles, first = asked.settles(text), passages[0].hit.score
    return Features(
        own=share(own, frozenset()),
        headed=by_heads,
        beside=share(beside, own | headed),
        passage=share(passage.terms, own | headed | beside),
        pairs=_pairs(question, text),
        rank=1 / (1 + place),
        retrieved=passage.hit.score / first if first > 0 else 1.0,
        row=row,
        headed_row=by_heads if row else 0.0,
        value=value,
        unit=in_unit is True,
        other_unit=in_unit is False,
        quantity=len(quantities(question.text) & quantities(text)),
        settles=settles,
        conflicts=asked.conflicts(text),
        title_conflicts=bool(not settles and asked.conflicts(" ".join(passage.titles()[-2:]))),
        defines=row and bool(codes(cells(text)[0]) & codes(question.text)),
        notice=unit.kind in ("warning", "caution", "note"),
        no_statement=bool(NOT_A_STATEMENT.search(text))
        or any(_CONTENTS.match(title) is not None for title in passage.titles()),
        short=len(own) < _TOO_SHORT and not row,
        step=question.form == "how_to" and unit.kind == "step",
    )


def score(features: Features, similarity: float = 0.0) -> float:
    """Return how well a unit answers; differences between units count, not the number itself."""
    seen = sum(weight * getattr(features, name) for name, weight in WEIGHTS.items())
    return float(seen + SIMILARITY_WEIGHT * similarity)


def _pairs(question: Question, text: str) -> float:
    asked = set(itertools.pairwise(question.terms))
    terms = content_terms(text)
    return len(asked & set(itertools.pairwise(terms))) / len(asked) if asked else 0.0

"""Finds the sentences, steps and table rows of the hits that answer a question, and says how well they do."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ragedge.datatypes import ScoredChunk
from ragedge.generate.applies import Asked, absent
from ragedge.generate.question import Question
from ragedge.generate.sentences import Unit, cells, flat, read_units
from ragedge.generate.terms import codes, content_terms, fold, is_code, quantities, values

# What each counts in a unit's score. The word overlap is at most 1; the rest break its ties.
# Chosen on the first half of the television manual's questions and questions written for the car guides.
_HEADING = 0.35  # a question word that only the heading or the column heads hold
_NEARBY = 0.25  # ... that only the rest of the passage holds
_CODE_WEIGHT = 2.0  # a code in the question is what it is about
_HAS_VALUE = 0.25
_HAS_UNIT = 0.25
_OTHER_UNIT = 0.15
_RANK = 0.10
_ROW_HEADING = 0.6  # a table's rows leave to its title what they apply to
_SETTLES = 0.15  # names the model, year, market or side asked about
_CONFLICT = 0.5  # ... another one
_TITLE_CONFLICT = 0.35
_DEFINES = 0.6  # a row whose first cell is a code, as far as the question is about that code
NOT_A_STATEMENT = re.compile(
    r"\.{5,}|(?:\. ){5,}|^(?:figure|fig\.|picture|table|abb\.|bild|図|表)\s?[\d.-]+|\?$", re.I
)  # a line of a table of contents, a caption, a question
_CONTENTS = re.compile(
    r"\W*(?:table of )?(?:contents|index|alphabetical index|list of (?:figures|tables)|inhalt\w*|stichwort\w*)\W*$"
    r"|目次|索引",
    re.I,
)
_NUMBER_WORD = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|ein|zwei|drei|vier|fünf)\b"
)
_TOO_SHORT = 3  # terms; a unit with fewer says little by itself

_UNIT_OF = {
    "torque": r"(?<![a-z])n\W?m\b|lb\W*ft|ft\W*lb|lb\W*in|in\W*lb",
    "tight": r"(?<![a-z])n\W?m\b|lb\W*ft|ft\W*lb|lb\W*in|in\W*lb",
    "anzugs": r"(?<![a-z])n\W?m\b",
    "voltage": r"\d\s?m?v\b|\d\s?volt",
    "current": r"\d\s?m?a\b|\d\s?amp",
    "pressure": r"psi|bar\b|kpa",
    "reifendruck": r"psi|bar\b|kpa",
    "temperature": r"°|deg\b|degree",
    "hot": r"°|deg\b|degree",
    "speed": r"rpm|mph|km/h|kph",
    "fast": r"rpm|mph|km/h|kph",
    "capacit": r"\d\s?l\b|liter|litre|qt|quart|\bgal|ml\b|kwh|ah\b",
    "weigh": r"kg|lb|\bpound|\bgram|\d\s?g\b|\btons?\b",
    "heavy": r"kg|lb|\bpound|\bgram|\d\s?g\b|\btons?\b",
    "how far": r"km|mile|\d\s?m\b",
    "distance": r"km\b|mile|\d\s?m\b",
    "range": r"km\b|mile|\d\s?m\b",
    "due": r"\bevery|\beach|km\b|mile|hour|month|year",
    "octane": r"\b(?:ron|mon|aki)\b|octane",
    "amps": r"\d\s?m?a\b|\d\s?amp",
    "amount": r"\d\s?(?:m?l|k?g|oz)\b|liter|litre|qt|quart|\bgal",
    "quantity": r"\d\s?(?:m?l|k?g|oz)\b|liter|litre|qt|quart|\bgal",
    "how much oil": r"\d\s?m?l\b|liter|litre|qt|quart|\bgal",
    "how much coolant": r"\d\s?m?l\b|liter|litre|qt|quart|\bgal",
    "newton": r"(?<![a-z])n\W?m\b",
    "gallon": r"\d\s?gal",
    "percent": r"%|percent",
    "state of charge": r"%|percent",
    "how many hours": r"\d\s?h\b|hour",
    "how long": r"second|minute|hour|\bdays?\b|month|year|mm\b|\d\s?in\b|\d\s?s\b|\d\s?h\b",
    "how often": r"\bevery|\beach|km|mile|hour|month|year|daily|weekly|annual",
    "interval": r"\bevery|\beach|km|mile|hour|month|year",
    "clearance": r"mm\b|\d\s?in\b|inch",
    "gap": r"mm\b|\d\s?in\b|inch",
    "thickness": r"mm\b|\d\s?in\b|inch",
    "diameter": r"mm\b|\d\s?in\b|inch",
    "width": r"mm\b|\d\s?in\b|inch|\d\s?c?m\b",
    "height": r"mm\b|\d\s?in\b|inch|\d\s?c?m\b",
    "viscosity": r"\d+w-?\d+",
    "ratio": r"\d\s?:\s?\d",
    "part number": r"\b[a-z]{1,4}-?\d{2,}[a-z\d-]*\b|\b\d{2,}-[a-z\d]{2,}",
    "resistance": r"ohm|ω",
    "frequency": r"hz\b",
    "power": r"\bk?w\b|\d\s?k?w\b|\bwatt|hp\b|horsepower",
    "cost": r"[$€£¥]|eur\b|usd",
    "price": r"[$€£¥]|eur\b|usd",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit, cut into units, and what else makes it readable."""

    hit: ScoredChunk
    units: tuple[Unit, ...]
    unit_terms: tuple[frozenset[str], ...]
    heading_terms: frozenset[str]
    terms: frozenset[str]

    def titles(self) -> list[str]:
        """Return the headings over the passage and those it begins with."""
        return [*self.hit.heading, *(flat(self.text(unit)) for unit in self.units if unit.kind == "heading")]

    def text(self, unit: Unit) -> str:
        """Return a unit's words, verbatim."""
        return self.hit.text[unit.start : unit.end]

    def is_head(self, index: int) -> bool:
        """Whether a row is the column heads over the rows that follow it."""
        if self.units[index].kind != "row" or (index and self.units[index - 1].kind == "row"):
            return False
        following = index + 1 < len(self.units) and self.units[index + 1].kind == "row"
        row = cells(self.text(self.units[index]))
        return following and (not _measured(row) or _names_columns(row))

    def heads(self, index: int) -> list[str]:
        """Return the column heads over a table row; empty where none are known or they do not fit it."""
        row = cells(self.text(self.units[index]))
        if self.hit.context:
            lines = [line for line in self.hit.context.splitlines() if line.strip()]
            if lines and len(cells(lines[-1])) >= len(row):
                return cells(lines[-1])
        first = index
        while first > 0 and self.units[first - 1].kind == "row":
            first -= 1
        head = cells(self.text(self.units[first]))
        # Heads name and do not measure: a first row with as many numbers as this one is data too.
        names = _measured(head) < max(1, _measured(row)) or _names_columns(head)
        return head if first < index and len(head) >= len(row) and names else []


@dataclass(frozen=True, slots=True)
class Evidence:
    """One unit and how well it answers; ``coverage`` is the weighted share of the question's terms it holds.

    ``conflict``: it is about another model, year, market or side than the question.
    """

    passage: int
    unit: int
    score: float
    coverage: float
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
    """

    question: Question
    passages: tuple[Passage, ...]
    ranked: tuple[Evidence, ...]
    weights: dict[str, float]
    passage_coverage: float
    missing: frozenset[str]
    missing_codes: frozenset[str]


def find_evidence(question: Question, hits: Sequence[ScoredChunk]) -> Findings:
    """Score every unit of every hit against the question."""
    furniture = repeated_lines(hits)
    passages = tuple(read_passage(hit, furniture) for hit in hits)
    weights = term_weights(question.terms, passages)
    total = sum(weights.values()) or 1.0
    asked = Asked(question.text)
    ranked = [
        _score(question, asked, weights, total, passages, place, index)
        for place, passage in enumerate(passages)
        for index, unit in enumerate(passage.units)
        if unit.kind != "heading" and passage.unit_terms[index] and not passage.is_head(index)
    ]
    ranked.sort(key=lambda e: (-e.score, e.passage, e.unit))
    everything = frozenset().union(*(p.terms for p in passages)) if passages else frozenset()
    return Findings(
        question=question,
        passages=passages,
        ranked=tuple(ranked),
        weights=weights,
        passage_coverage=max((_covered(weights, p.terms) / total for p in passages), default=0.0),
        missing=frozenset(t for t in question.terms if t not in everything),
        missing_codes=(frozenset(codes(question.text)) - frozenset().union(*(_codes(p) for p in passages)))
        | absent(question.text, map(_whole, passages)),
    )


def repeated_lines(hits: Sequence[ScoredChunk]) -> frozenset[str]:
    """Return the lines that begin or end passages from several pages of one source: running heads and feet."""
    seen: dict[tuple[str, str], set[int | None]] = {}
    for hit in hits:
        lines = [flat(line) for line in hit.text.splitlines() if line.strip()]
        for line in {*lines[:1], *lines[-1:]}:
            seen.setdefault((hit.source, line), set()).add(hit.page)
    return frozenset(line for (_, line), pages in seen.items() if len(pages) > 1)


def read_passage(hit: ScoredChunk, furniture: frozenset[str] = frozenset()) -> Passage:
    """Cut a hit into units and collect its terms; lines in ``furniture`` are read as headings."""
    units = tuple(read_units(hit.text, {flat(title) for title in hit.heading[-1:]} | furniture))
    terms = tuple(frozenset(content_terms(hit.text[u.start : u.end])) for u in units)
    own = (t for t, unit in zip(terms, units, strict=True) if unit.kind == "heading")
    heading = frozenset(content_terms(" \n ".join((*hit.heading, hit.context)))).union(*own)
    return Passage(hit, units, terms, heading, heading.union(*terms))


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


def asked_unit(question: Question) -> re.Pattern[str] | None:
    """Return a pattern for the unit of the value that is asked for; None where the words do not tell."""
    folded = fold(question.text)
    found = [pattern for word, pattern in _UNIT_OF.items() if word in folded]
    return re.compile("|".join(found), re.I) if found else None


def holds_value(findings: Findings, evidence: Evidence) -> bool:
    """Whether a unit holds a value in the unit asked for; where none is, a number that the question does not."""
    passage = findings.passages[evidence.passage]
    value, in_unit = _values(findings.question, passage, evidence.unit)
    return value if in_unit is None else in_unit


def _values(question: Question, passage: Passage, index: int) -> tuple[bool, bool | None]:
    """Return whether a unit holds a value, and whether in the unit asked for; None where none is."""
    unit = passage.units[index]
    text = fold(passage.text(unit))
    value = bool(values(text) - values(question.text)) or bool(_NUMBER_WORD.search(text))
    wanted = asked_unit(question)
    if wanted is None:
        # "Which filter ...": a part number is the answer as much as a number is.
        return value or (unit.kind == "row" and bool(codes(text) - codes(question.text))), None
    heads = " ".join(passage.heads(index)).lower() if unit.kind == "row" else ""
    return value, bool(wanted.search(f"{text} {heads}"))


def _score(
    question: Question,
    asked: Asked,
    weights: dict[str, float],
    total: float,
    passages: Sequence[Passage],
    place: int,
    index: int,
) -> Evidence:
    passage, unit = passages[place], passages[place].units[index]
    own = passage.unit_terms[index]
    coverage = _covered(weights, own) / total
    headed = passage.heading_terms
    if unit.kind == "row":
        headed = headed.union(*(content_terms(head) for head in passage.heads(index)))
    by_heading = _covered({t: w for t, w in weights.items() if t not in own}, headed) / total
    nearby = _covered({t: w for t, w in weights.items() if t not in own and t not in headed}, passage.terms)
    row = unit.kind == "row"
    score = (
        coverage
        + (_ROW_HEADING if row else _HEADING) * by_heading
        + _NEARBY * nearby / total
        + _RANK / (1 + place)
    )
    if question.form == "value":
        value, in_unit = _values(question, passage, index)
        score += _HAS_VALUE * value + _HAS_UNIT * bool(in_unit) - _OTHER_UNIT * (in_unit is False)
        score += 0.1 * len(quantities(question.text) & quantities(passage.text(unit)))
    text = passage.text(unit)
    against = asked.conflicts(text)
    conflict = bool(against)
    settled = asked.settles(text)
    score += _SETTLES * settled - _CONFLICT * against
    if not settled and asked.conflicts(_title(passage)):
        score -= _TITLE_CONFLICT
        conflict = True
    if row and question.form != "value" and (defined := codes(cells(text)[0]) & codes(question.text)):
        score += _DEFINES * _covered(weights, frozenset(defined)) / total
    if unit.kind in ("warning", "caution", "note"):
        score -= 0.15  # they reach the reader as notices
    contents = any(_CONTENTS.match(title) for title in passage.titles())
    if contents or NOT_A_STATEMENT.search(text):
        score -= 0.4
    if len(own) < _TOO_SHORT and unit.kind != "row":
        score -= 0.2
    return Evidence(place, index, score, coverage + by_heading, conflict)


def _covered(weights: dict[str, float], terms: frozenset[str]) -> float:
    return sum(weight for term, weight in weights.items() if term in terms)


def _measured(row: Sequence[str]) -> int:
    return sum(any(c.isdigit() for c in cell) for cell in row)


def _title(passage: Passage) -> str:
    """Return the headings nearest to a passage's text."""
    return " ".join(passage.titles()[-2:])


def _whole(passage: Passage) -> str:
    return "\n".join((*passage.hit.heading, passage.hit.context, passage.hit.text))


def _names_columns(row: Sequence[str]) -> bool:
    """Whether cells name columns that differ in a number: ``Item | Type 1 (2021) | Type 2 (2022)``."""
    first, *others = row
    shapes = {re.sub(r"\d", "9", cell) for cell in others}
    return (
        not any(c.isdigit() for c in first)
        and len(others) > 1
        and len(set(others)) == len(others)
        and len(shapes) == 1
        and sum(c.isalpha() for c in others[0]) > 2
        and not any(quantities(cell) for cell in others)
    )


def _codes(passage: Passage) -> frozenset[str]:
    return frozenset(codes(_whole(passage)))

"""The value a question asks for: in which unit of measure, and whether a sentence or row holds one."""

from __future__ import annotations

import re

from ragedge.generate.passages import Passage
from ragedge.generate.question import Question
from ragedge.generate.terms import codes, content_terms, fold, values
from ragedge.generate.value_kind import ValueKind, grade_kind

_NUMBER_WORD = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|ein|zwei|drei|vier|fünf)\b"
)

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
# What is numbered, not measured: a part in a figure, a step.
_NUMBERS_A_THING = re.compile(r"\(\s?[\dl]{1,3}(?:,\s?\d{1,3})*\s?\)|^\s*\(?\d{1,3}(?:-\d{1,3})?[.,)*]\s")


def asked_unit(question: Question) -> re.Pattern[str] | None:
    """Return a pattern for the unit of the value that is asked for; None where the words do not tell."""
    folded = fold(question.text)
    found = [pattern for word, pattern in _UNIT_OF.items() if word in folded]
    return re.compile("|".join(found), re.I) if found else None


def values_in(question: Question, passage: Passage, index: int) -> tuple[bool, bool | None]:
    """Return whether a unit holds a value, and whether in the unit asked for; None where none is."""
    unit = passage.units[index]
    text = _NUMBERS_A_THING.sub(" ", fold(passage.text(unit)))
    if (grade := grade_kind(question.text)) is not None:
        return (True, True) if names_grade(grade, passage, index) else (False, None)
    value = bool(values(text) - values(question.text)) or bool(_NUMBER_WORD.search(text))
    wanted = asked_unit(question)
    if wanted is None:
        # "Which filter ...": a part number is the answer as much as a number is.
        return value or (unit.kind == "row" and bool(codes(text) - codes(question.text))), None
    heads = " ".join(passage.heads(index)).lower() if unit.kind == "row" else ""
    return value, bool(wanted.search(f"{text} {heads}"))


def names_grade(kind: ValueKind, passage: Passage, index: int) -> bool:
    """Whether a unit names a grade of the oil or fluid asked for, which it or the title over it names."""
    if not kind.is_in(passage.text(passage.units[index])):
        return False
    titled = content_terms(" \n ".join((*passage.section(index)[-1:], *passage.heads(index))))
    return passage.unit_terms[index].union(titled).issuperset(content_terms(kind.asked))

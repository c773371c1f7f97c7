"""What kind of value a question asks for, and whether a text holds one: a torque for a torque, a time for a time.

Stricter than the ranking of evidence needs it: ``12 lb-ft`` is no weight, and a hose of 3 feet no price. A number
must stand with its unit, or under a column head that names it. Written from the units of SI and of the trade, not
from any manual.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragedge.generate.terms import fold, values

_LENGTH = r"mm|cm|km|m|in\.?|inch(?:es)?|ft|feet|foot|yards?|miles?|\"|meters?|metres?|zoll|fu(?:ß|ss)"
_TIME = (
    r"ms|s|secs?|seconds?|min|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|man-hours?|sekunden?|minuten?|stunden?|"
    r"tagen?|wochen?|monaten?|jahren?|秒|分|時間|日|週間|か月|ヶ月|年"
)
_VOLUME = r"ml|l|liters?|litres?|qts?|quarts?|gal(?:lons?)?|pints?|fl\.? ?oz|cc|cm³|リットル"
_TORQUE = (
    r"n[·•.*⋅ -]?m|newton[ -]met(?:er|re)s?|(?:lbf?s?|ft|in)\.?[·• -]{1,2}(?:ft|lbf?s?|in)\.?"
    r"|(?:foot|inch)-pounds?"
)
_MASS = (
    r"kg|g|mg|lbs?(?![·• .-]{0,2}(?:ft|in|force|/))|pounds?(?!-)|ounces?|oz|tons?|tonnes?|gramm?|キロ|グラム"
)
_RATE = r"rpm|mph|km/h|kph|kmh|m/s|u/min|knots?"
_NUMBER_WORD = (
    r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|ein|eine|zwei|drei|vier|fünf|sechs|acht"
)
_CODE = r"(?=[a-z0-9./-]*\d)[a-z0-9]+(?:[./-][a-z0-9]+)+|(?=[a-z]*\d)[a-z]+\d[a-z0-9]*|\d[\d-]{4,}"
# Words that ask, what is asked for, the units of the value; the first line that matches counts.
_KINDS: tuple[tuple[str, str], ...] = (
    (r"torque|\bhow tight|tighten\w* .*\bto\b|anzugs?(?:dreh)?moment|drehmoment|newton ?met|トルク", _TORQUE),
    (r"\bcosts?\b|\bprices?\b|\bpricey\b|kostet|\bpreis|価格|値段", "price"),
    (r"\bweigh|\bweight\b|\bheavy\b|\bschwer\b|\bwiegt\b|\bgewicht|\bmass\b|重量", _MASS),
    (
        r"\bhow long (?:does|do|did|can|may|must|should|until|before|to|after|will|would|it)\b|\bwie lange?\b"
        r"|\bdauert\b|\bhow many (?:seconds|minutes|hours|man-hours|days|weeks|months|years)\b|\bwarranty period\b"
        r"|\bcharging time|\bgarantiezeit|\bstandby time|\bshelf life",
        _TIME,
    ),
    (r"\bhow often\b|\binterval\b|\bwie oft\b|\bdue\b", rf"{_LENGTH}|{_TIME}"),
    (r"\bpressure\b|\bpsi\b|reifendruck|luftdruck|空気圧", r"psig?|bar|k?pa|mpa|kg/cm²"),
    (r"\btemperature\b|\bhow (?:hot|cold)\b|temperatur", r"°\s?[cf]?|deg(?:rees)?|℃"),
    (r"\bresistance\b|\bohms?\b|widerstand", r"k?ohms?|[km]?ω"),
    (r"\bvoltage\b|\bvolts\b|spannung|電圧", r"[mk]?v(?:olts?)?(?:[ -]?[ad]c)?"),
    (r"\bamps?\b|\bamperes?\b|\bcurrent draw|\bcharg\w+ current|\bstromverbrauch", r"m?a(?:mps?|mperes?|h)?"),
    (r"\bpower\b.*\b(?:draw|use|consum|rat)|\bwatts?\b|\bkilowatts?\b|\bhorsepower", r"[km]?w(?:atts?)?|hp|ps|kva|m?a"),
    (r"\bfrequency\b|frequenz|周波数", r"[kmg]?hz"),
    (r"\brpm\b|\bspeed\b|\bhow fast\b|geschwindigkeit", _RATE),
    (r"\bpercent(?:age)?\b|\befficiency\b|prozent|wirkungsgrad", r"%|percent|prozent"),
    (
        r"\bmillimet|\bhow (?:long|wide|high|tall|thick|deep|far) (?:is|are|was|may|must)\b|\bthick|\bdiameter\b"
        r"|\bclearance\b|\bspark gap|\bgap of\b|\bwidth\b|\bheight\b|\bdepth\b|\blength\b"
        r"|durchmesser|\bdicke\b|\bbreite\b|\bhöhe\b",
        _LENGTH,
    ),
    (
        r"\bhow much (?:oil|coolant|fluid|fuel|water)\b|\blit(?:re|er)s?\b|\bgallons\b|\bvolume\b|füllmenge",
        rf"{_VOLUME}|%",
    ),
    (r"\bcolou?r\b|\bfarbe\b|何色", "colour"),
    (r"\b(?:part|stock|model|serial|item) (?:no\.?|numbers?)\b|\bnsn\b|\bteilenummer|部品番号", "code"),
)  # fmt: skip
_COLOURS = (
    r"\b(?:black|white|red|green|blue|yellow|brown|gr[ae]y|orange|purple|violet|pink|silver|amber|schwarz|weiß|rot|grün|"
    r"blau|gelb|braun|grau)\b|[赤青黄白黒緑茶]"
)
_PRICE = r"[$€£¥]\s?\d|\d\s?(?:[$€£¥円]|eur\b|euros?\b|usd\b|dollars?\b|cents?\b)"
_ASKED = tuple((re.compile(words), kind) for words, kind in _KINDS)


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value.

    Attributes:
        asked: The words of the question that name it, folded: ``torque``.
        value: Matches a number with its unit in folded text.
        head: Matches a column head that names the unit; None where heads do not.
    """

    asked: str
    value: re.Pattern[str]
    head: re.Pattern[str] | None

    def is_in(self, text: str, heads: str = "") -> bool:
        """Whether a text, with the column heads over it where it is a row, holds a value of the kind."""
        folded = fold(text)
        if self.value.search(folded):
            return True
        return bool(self.head and values(folded) and self.head.search(fold(heads)))


def value_kind(question: str) -> ValueKind | None:
    """Return the kind of value a question asks for; None where its words do not tell."""
    folded = fold(question)
    for words, kind in _ASKED:
        if found := words.search(folded):
            return _kind(found.group(), kind)
    return None


def _kind(asked: str, kind: str) -> ValueKind:
    if kind == "price":
        return ValueKind(asked, re.compile(_PRICE), re.compile(r"[$€£¥]|price|cost|preis"))
    if kind == "colour":
        return ValueKind(asked, re.compile(_COLOURS), None)
    if kind == "code":
        return ValueKind(asked, re.compile(rf"(?<![\w.])(?:{_CODE})(?!\w)"), None)
    number = rf"(?:[\d½¼¾]|\b(?:{_NUMBER_WORD}))"
    return ValueKind(
        asked,
        re.compile(rf"{number}\s?-?\s?(?:{kind})(?![^\W\d_])"),
        re.compile(rf"(?<![^\W\d_])(?:{kind})(?![^\W\d_])"),
    )

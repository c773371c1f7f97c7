"""What kind of value a question asks for, and whether a text holds one: a torque for a torque, a time for a time.

Stricter than the ranking of evidence needs it: ``12 lb-ft`` is no weight, and a hose of 3 feet no price. A number
must stand with its unit, or under a column head that names it. Written from the units of SI and of the trade, not
from any manual.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from ragedge.generate.terms import STOP_WORDS, fold, stem, values

_LENGTH = r"mm|cm|km|m|in\.?|inch(?:es)?|ft|feet|foot|yards?|miles?|\"|meters?|metres?|zoll|fu(?:ß|ss)"
_TIME = (
    r"ms|s|secs?|seconds?|min|minutes?|h|hrs?|hours?|days?|weeks?|months?|years?|man-hours?|sekunden?|minuten?|stunden?|"
    r"tagen?|wochen?|monaten?|jahren?|秒|分|時間|日|週間|か月|ヶ月|年"
)
_VOLUME = r"ml|l|liters?|litres?|qts?|quarts?|gal(?:lons?)?|pints?|fl\.? ?oz|cc|cm³|リットル"
_TORQUE = (
    r"n[·•.*⋅ -]?m|newton[ -]met(?:er|re)s?|(?:lbf?s?|ft|in)\.?[·• -]{1,2}(?:ft|lbf?s?|in)\.?"
    r"|(?:foot|inch)-pounds?|ニュートンメートル"
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
        r"\bhow long (?:(?:does|do|did|can|may|must|should|until|before|to|after|will|would|it)\b"
        r"|(?:is|are|was|were)\b.*\b(?:kept|stored|valid|saved|held|left|guaranteed|covered|open|delayed|allowed)\b)"
        r"|\bwie lange?\b"
        r"|\bdauert\b|\bhow many (?:seconds|minutes|hours|man-hours|days|weeks|months|years)\b|\bwarranty period\b"
        r"|\bcharging time|\bgarantiezeit|\bstandby time|\bshelf life",
        _TIME,
    ),
    (r"\bhow often\b|\binterval\b|\bwie oft\b|\bdue\b", rf"{_LENGTH}|{_TIME}"),
    (r"\bwhat year\b|\bwhich year\b|\bwelchem jahr\b|何年に", "year"),
    (r"\btension\b|\b(?:pulling|holding|clamping|spring) force\b", rf"{_MASS}|k?n|lbf"),
    (r"\bounces\b|\bin (?:grams|kilograms|pounds)\b", _MASS),
    (r"\b(?:wire|cable) (?:gauge|size|cross.section)\b|querschnitt", r"awg|ga\.?|gauge|mm²"),
    (r"\bhow loud\b|\bnoise level\b|\bdecibels?\b", r"db(?:\(a\))?|decibels?"),
    (
        r"\b(?:kilo|mega|giga)bytes?\b|\bhow much (?:memory|data|storage)\b",
        r"[kmg]i?b(?:yte)?s?|(?:kilo|mega|giga)bytes?",
    ),
    (r"\bpressure\b|\bpsi\b|reifendruck|luftdruck|空気圧", r"psig?|bar|k?pa|mpa|kg/cm²|バール|キロパスカル"),
    (r"\btemperature\b|\bhow (?:hot|cold)\b|temperatur|温度", r"°\s?[cf]?|deg(?:rees)?|℃|度"),
    (r"\bresistance\b|\bohms?\b|widerstand", r"k?ohms?|[km]?ω"),
    (r"\bvoltage\b|\bvolts\b|spannung|電圧", r"[mk]?v(?:olts?)?(?:[ -]?[ad]c)?|ボルト"),
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
        r"\bhow much (?:\w+ )?(?:oil|coolant|fluid|fuel|water|antifreeze)\b"
        r"|\bwie ?viel \w*(?:öl|wasser|kühlmittel|benzin)\b|\blit(?:re|er)s?\b|\bgallons\b|\bvolume\b|füllmenge",
        rf"{_VOLUME}|%",
    ),
    (r"\bcapacit(?:y|ies)\b|fassungsvermögen|容量", rf"{_VOLUME}|{_MASS}|k?wh|m?ah|%"),
    (r"\b(?:size (?:of )?(?:the )?|which |what )drill(?: bit)?s?\b|\bsize (?:of )?(?:the )?holes?\b", _LENGTH),
    (r"\bcolou?r\b|\bfarbe\b|何色", "colour"),
    (r"\b(?:part|stock|model|serial|item) (?:no\.?|numbers?)\b|\bnsn\b|\bteilenummer|部品番号", "code"),
)  # fmt: skip
_HEADED = (
    (rf"{_VOLUME}|%", "capacity"), (_TORQUE, "torque"), ("code", "part number"),
    (rf"{_LENGTH}|{_TIME}", "interval schedule"), (_MASS, "weight"),
)  # fmt: skip
# A unit ends with its letters; in Japanese words follow without a space.
_ENDS = r"(?![^\W\d_ぁ-ヿ一-鿿])"
_COLOURS = (
    r"\b(?:black|white|red|green|blue|yellow|brown|gr[ae]y|orange|purple|violet|pink|silver|amber|schwarz|weiß|rot|grün|"
    r"blau|gelb|braun|grau)\b|[赤青黄白黒緑茶]"
)
_PRICE = r"[$€£¥]\s?\d|\d\s?(?:[$€£¥円]|eur\b|euros?\b|usd\b|dollars?\b|cents?\b)"
# A viscosity, a standard with its number, or a name with capitals and a hyphen, as lubricants are sold by.
_GRADE = (
    r"\b\d{1,2}w-?\d{2}\b|\b(?:dot|nlgi|iso vg|gl)[ -]?\d|\b(?:sae|api|acea|jaso|ilsac|mil|din)[ -]\w"
    r"|\b(?:r-?\d{3,4}\w*|atf|psf|\d{2,3} ?ron)\b|\b(?:type|grade|spec\w*)[: ]+[a-z]{2,4}\b"
)
_ASKS_GRADE = re.compile(
    r"\b(?:which|what)(?: (?:kind|type|sort|grade|brand) of)?((?: [^\W\d_]+){0,2}? "
    r"(?:oil|fluid|grease|lubricant|coolant|antifreeze|refrigerant|gas|sealant|fuel|petrol|solvent))\b"
    r"(?! (?:filter|level|pressure|temperature|capacity|pump|pan|plug|line|hose|cooler|cap|tank|change|leak)s?\b)"
)
_ASKED = tuple((re.compile(words), kind) for words, kind in _KINDS)


_YEAR = r"(?<![\w.,/-])(?:19|20)\d\d(?![\w/-]|[.,]\d)"
# What is named by a value and is none: a voltage regulator.
_DEVICE = re.compile(
    r"[\s-]+(?:regulators?|sensors?|switch\w*|gauges?|wrench\w*|meters?|selectors?|converters?|relays?|lamps?|caps?|"
    r"hoses?|lines?|plates?|spanners?|testers?|limiters?|valves?|pumps?|plugs?|knobs?|dials?|levels?)\b"
)
_NAMES_A_THING = re.compile(r"\W*(?:which|who|where|why|when|welche[rsnm]?|wer|wo|warum)\b")
_THING = 3  # words within which the thing is named: "Which tightening torque ..."
_COUNTED = re.compile(
    r"\b(?:how many|number of|wie viele?|anzahl (?:der|von))\s+((?:[^\W\d_][\w-]*\s*){1,4})"
)
_COUNT_HEAD = re.compile(r"qty|quantity|\bno\.|number|anzahl|menge|数量")
_AFTER = r"(?:[^\s.;]+\s+){0,3}?"  # words that may stand between a number and what it counts: six long screws


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value.

    Attributes:
        asked: The words of the question that name it, folded: ``torque``; empty for a count.
        value: Matches a number with its unit in folded text.
        head: Matches a column head that names the unit; None where heads do not.
        stated: Values of the kind that the question states itself; they answer nothing.
    """

    asked: str
    value: re.Pattern[str]
    head: re.Pattern[str] | None
    stated: frozenset[str] = frozenset()
    headed: str = (
        ""  # what manuals call it in titles, where the question may not: "how much oil" is a capacity
    )

    def is_in(self, text: str, heads: str = "") -> bool:
        """Whether a text, with the column heads over it where it is a row, holds a value of the kind."""
        folded = fold(text)
        if any(found.group() not in self.stated for found in self.value.finditer(folded)):
            return True
        return bool(self.head and values(folded) and self.head.search(fold(heads)))


def value_kind(question: str) -> ValueKind | None:
    """Return the kind of value a question asks for; None where its words do not tell."""
    folded = fold(question)
    names_another = _NAMES_A_THING.match(folded)
    for words, kind in _ASKED:
        found = words.search(folded)
        if found and not _DEVICE.match(folded, found.end()):
            if names_another and len(folded[: found.start()].split()) > _THING:
                continue  # "Which model has its torque given in table 3?" asks for a model
            return _kind(found.group(), kind, folded)
    counted = _COUNTED.search(folded)
    return _count(counted[1], folded) if counted else None


def grade_kind(question: str) -> ValueKind | None:
    """Return the kind of what an oil, a fluid or a fuel is named by, where one is asked for.

    Apart from ``value_kind``, as names are without end: what is no grade by this may be one all the same.
    """
    found = _ASKS_GRADE.search(fold(question))
    if found is None:
        return None
    return ValueKind(found[1].strip(), re.compile(_GRADE), None, headed="grade specification")


def _kind(asked: str, kind: str, question: str) -> ValueKind:
    head: re.Pattern[str] | None = None
    if kind == "price":
        value, head = re.compile(_PRICE), re.compile(r"[$€£¥]|price|cost|preis")
    elif kind == "colour":
        value = re.compile(_COLOURS)
    elif kind == "year":
        value = re.compile(_YEAR)
    elif kind == "code":
        value = re.compile(rf"(?<![\w.])(?:{_CODE})(?!\w)")
    else:
        number = rf"(?:\d[\d.,/]*|[½¼¾]|\b(?:{_NUMBER_WORD}))"
        value = re.compile(rf"{number}\s?-?\s?(?:{kind}){_ENDS}")
        head = re.compile(rf"(?<![^\W\d_])(?:{kind})(?![^\W\d_])")
    stated = frozenset(found.group() for found in value.finditer(question))
    headed = next((name for other, name in _HEADED if other == kind), "")
    return ValueKind(asked, value, head, stated, headed)


def _count(things: str, question: str) -> ValueKind | None:
    """Return the kind of a count: a number shortly before the word for the things."""
    words = itertools.takewhile(lambda word: word not in STOP_WORDS, things.split())
    stems = "|".join(re.escape(stem(word).removesuffix("y")) for word in words if len(stem(word)) > 2)
    if not stems:
        return None
    number = rf"(?<![\w.,/-])(?:\d{{1,5}}|(?:{_NUMBER_WORD}|both|no|single|zwölf|beide))(?![\w/-]|[.,]\d)"
    value = re.compile(
        rf"{number}\s+{_AFTER}(?:{stems})|(?:{stems})[^.;|]{{0,40}}?(?:\bis|\bare|[:=–-])\s*{number}"
    )
    return ValueKind("", value, _COUNT_HEAD, frozenset(found.group() for found in value.finditer(question)))

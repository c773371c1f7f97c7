"""Exact terms of technical text: codes, part numbers, sizes with units, and pairs of CJK characters.

FTS5's tokenizers cut ``1/2-13`` and ``AMA-5102UT`` into pieces, stem what is not a word, and take a run of
Japanese for one word; and they cannot be written from Python. So such terms go into a column of their
own, spelt in one canonical way out of letters and digits alone, and a question's terms are spelt the
same way. Every spelling of 12 N·m becomes the one token ``12unm0``.
"""

from __future__ import annotations

import re
import unicodedata

# Every way to write each unit; the key is how we write it.
_SPELLINGS = {
    "nm": "n·m|n•m|n-m|n.m|n m|n*m|nm|newton meters|newton metres|newton-meters",
    "lbft": (
        "lb-ft|lb ft|lb·ft|lb.-ft|lb.ft|lbs-ft|lbf-ft|lbf ft|lbf·ft|ft-lb|ft-lbs|ft lb|ft lbs|"
        "ft.-lb.|ft. lb.|ft·lb|foot-pounds|foot pounds|pound-feet|pound feet"
    ),
    "lbin": (
        "lb-in|lb in|lb.-in.|lbs-in|lbf-in|lbf·in|in-lb|in-lbs|in lb|in.-lb.|in·lb|inch-pounds|"
        "inch pounds|pound-inches"
    ),
    "in": 'in.|in|inch|inches|′′|"',
    "ft": "ft|ft.|foot|feet",
    "mm": "mm|millimeters|millimetres|millimeter|millimetre",
    "cm": "cm|centimeters|centimetres",
    "km": "km|kilometers|kilometres",
    "mi": "miles|mile|mi",
    "kmh": "km/h|kph|kmh",
    "mph": "mph",
    "psi": "psi|psig|lb/in²|lb/sq in",
    "kpa": "kpa",
    "mpa": "mpa",
    "bar": "bar",
    "v": "v|volt|volts|vdc|vac|v dc|v ac",
    "kv": "kv",
    "mv": "mv",
    "a": "a|amp|amps|ampere|amperes",
    "ma": "ma",
    "ah": "ah",
    "w": "w|watt|watts",
    "kw": "kw|kilowatt|kilowatts",
    "kwh": "kwh",
    "hp": "hp|horsepower",
    "rpm": "rpm|r/min|1/min",
    "ohm": "ohm|ohms|ω",
    "hz": "hz|hertz",
    "degf": "°f|deg f|degrees f|degrees fahrenheit",
    "degc": "°c|deg c|degrees c|degrees celsius",
    "kg": "kg|kilograms",
    "g": "g|grams",
    "lb": "lb|lb.|lbs|lbs.|pounds|pound",
    "oz": "oz|oz.|ounces",
    "qt": "qt|qt.|qts|quart|quarts",
    "pt": "pt|pts|pint|pints",
    "gal": "gal|gal.|gals|gallon|gallons",
    "l": "l|liter|liters|litre|litres",
    "ml": "ml|milliliters|millilitres",
    "cc": "cc|cm³",
}
_UNITS = {spelling: unit for unit, spellings in _SPELLINGS.items() for spelling in spellings.split("|")}
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+/\d+|\d*\.\d+|\d+"
_QUANTITY = re.compile(
    rf"(?<![\w.,/-])(?P<number>{_NUMBER})\s?-?\s?(?P<unit>"
    + "|".join(re.escape(unit).replace(r"\ ", r"\s") for unit in sorted(_UNITS, key=len, reverse=True))
    + r")(?!\w)"
)
# Letters and digits in one run or joined by single marks, with at least one digit: P0A1F, AMA-5102UT, 1/2-13.
_CODE = re.compile(r"(?<![\w.,])(?=[a-z0-9./-]*\d)[a-z0-9]+(?:[./-][a-z0-9]+)*(?!\w)")
_LEADING_POINT = re.compile(r"(?<![\w.,/-])\.\d+(?!\w)")
_CJK = re.compile(
    r"[\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\u3005\u30fc]+"
)
_MARKS = str.maketrans(
    {"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "⁄": "/", "∙": "·", "⋅": "·", "Ω": "ω"}
)
_SPELT = {".": "p", "/": "q", "-": "h"}
_DIGITS_AND_MARKS = re.compile(r"(\d+(?:[pqh]\d+)+)0")
_SPACE = re.compile(r"\s")
_LONGEST_CODE = 40


def exact_terms(text: str) -> list[str]:
    """Return the canonical tokens of the codes, quantities and CJK pairs in a text, in no set order.

    A code with letters is spelt without its marks (``ama-5102ut`` and ``AMA5102UT`` agree); one of digits
    alone keeps them spelt out (``1/2-13`` becomes ``1q2h13``). Every token ends in ``0``, so that the
    stemmer, which cuts endings made of letters, leaves it alone. Plain integers are left to the words.
    """
    folded = unicodedata.normalize("NFKC", text.translate(_MARKS)).lower().translate(_MARKS)
    tokens = [token for match in _QUANTITY.finditer(folded) if (token := _quantity(match))]
    for match in _CODE.finditer(folded):
        code = match.group()
        if len(code) <= _LONGEST_CODE and not code.isdecimal():
            tokens.append(_spell(code))
    tokens += [_spell(f"0{m.group()}") for m in _LEADING_POINT.finditer(folded)]
    tokens += cjk_pairs(folded)
    return tokens


def digits_of(token: str) -> str | None:
    """Return the digits of a code of digits and marks alone, without its marks; None for another token."""
    match = _DIGITS_AND_MARKS.fullmatch(token)
    return "".join(c for c in match[1] if c.isdecimal()) if match else None


def cjk_pairs(text: str) -> list[str]:
    """Return each pair of neighbouring CJK characters; a lone one by itself."""
    pairs: list[str] = []
    for run in _CJK.findall(text):
        pairs += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
    return pairs


def _quantity(match: re.Match[str]) -> str:
    number, unit = _plain(match["number"]), _SPACE.sub(" ", match["unit"])
    if unit == "in" and number.isdecimal():
        return ""  # "fasten 4 in the order shown"
    return f"{number}u{_UNITS[unit]}0"


def _spell(code: str) -> str:
    if any(c.isalpha() for c in code):
        return "".join(c for c in code if c not in _SPELT) + "0"
    return "".join(_SPELT.get(c, c) for c in _plain(code)) + "0"


def _plain(number: str) -> str:
    number = number.replace(",", "")
    number = f"0{number}" if number.startswith(".") else number
    return number.replace(".", "p").replace("/", "q") if "-" not in number else number

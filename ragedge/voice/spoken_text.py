"""Text as people say it: numbers and units in words, codes letter by letter, marks that nobody says left out.

A speech engine is handed words alone, so that each engine says "12 N·m" and "P0A1F" alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache

from ragedge.voice.spoken_units import SYMBOLS, Language, unit_words

_UNIT = rf"(?P<unit>{'|'.join(map(re.escape, SYMBOLS))})(?![A-Za-z0-9²³])"
_PLAIN = r"\d+(?:[.,]\d+)*"
_DASH = r"[-–—~]"
_QUANTITY = re.compile(
    rf"(?<![A-Za-z0-9_.,/-])(?P<sign>[-−+±]?)(?P<from>{_PLAIN})"
    rf"(?:\s?(?:{_DASH}|\bto\b|\bbis\b)\s?(?P<to>{_PLAIN}))?(?:\s?{_UNIT})?(?![A-Za-z0-9_/]|[.,]\d|-[A-Za-z0-9])"
)
_FRACTION = re.compile(
    r"(?<![A-Za-z0-9_.,/])(?:(?P<whole>\d+)[\s-])?(?P<top>\d{1,2})/(?P<bottom>2|3|4|8|16|32|64)"
    rf"(?:-(?P<pitch>\d{{1,2}}))?(?P<inch>\s?(?:\"|″|{_UNIT}))?(?![A-Za-z0-9_/])"
)
_THREAD = re.compile(r"(?<![A-Za-z0-9])M(?P<size>\d{1,2})\s?[x×]\s?(?P<pitch>\d+(?:[.,]\d+)?)(?![\w.,]*\d)")
# Letters and digits in one word, hyphens inside: P0A1F, F12, 5W-30, QE16-P, 90915-YZZD1.
_CODE = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[A-Z0-9-]*[A-Z])(?=[A-Z-]*\d)[A-Z0-9]+(?:-[A-Z0-9]+)*(?![A-Za-z0-9_-])"
)
_SPOKEN_NUMBER = 2  # digits of a code that are said as one number: F twelve, but seven three one
_SEPARATORS = re.compile(r"\s*[|•▪■]\s*|\s+[–—]\s+|\s*\n+\s*")
_UNSAID = re.compile(r"\[\d+\]|[*_`#^]+")

_WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {"to": "to", "+": "plus", "-": "minus", "±": "plus or minus", "≥": "at least", "≤": "at most",
           ">": "more than", "<": "less than", "&": "and", "=": "equals", "by": "by", "and": "and", "point": "point"},
    "de": {"to": "bis", "+": "plus", "-": "minus", "±": "plus minus", "≥": "mindestens", "≤": "höchstens",
           ">": "mehr als", "<": "weniger als", "&": "und", "=": "gleich", "by": "mal", "and": "und", "point": "Komma"},
    "ja": {"to": "から", "+": "プラス", "-": "マイナス", "±": "プラスマイナス", "≥": "以上",
           "≤": "以下", ">": "より大きい", "<": "より小さい", "&": "と", "=": "イコール", "by": "かける",
           "and": "と", "point": "点"},
}  # fmt: skip
_PARTS = {
    "en": {2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 8: ("eighth", "eighths"),
           16: ("sixteenth", "sixteenths"), 32: ("thirty-second", "thirty-seconds"),
           64: ("sixty-fourth", "sixty-fourths")},
    "de": {2: ("Halb", "Halbe"), 3: ("Drittel",) * 2, 4: ("Viertel",) * 2, 8: ("Achtel",) * 2,
           16: ("Sechzehntel",) * 2, 32: ("Zweiunddreißigstel",) * 2, 64: ("Vierundsechzigstel",) * 2},
}  # fmt: skip


def spoken(text: str, language: Language = "en") -> str:
    """Return text as it is said.

    Args:
        text: A sentence, a step or a table's row.
        language: Whose words; its way of writing decimals decides what a comma in a number is.
    """
    text = _UNSAID.sub("", text)
    text = _SEPARATORS.sub(", ", text.strip())
    for pattern, say in _RULES:
        text = pattern.sub(lambda found, say=say: say(found, language), text)  # type: ignore[misc]
    for sign in "≥≤±><&=":
        text = text.replace(sign, f" {_WORDS[language][sign]} ")
    text = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", text))
    return re.sub(r"(?:, ?){2,}", ", ", text).strip(" ,")


def _quantity(found: re.Match[str], language: Language) -> str:
    words = _WORDS[language]
    first, last, unit = found["from"], found["to"], found["unit"]
    if not unit and first.count(".") > 1 and "," not in first:
        return found[0]  # a section or a date, which every engine reads as it stands
    parts = [_number(first, language)]
    if found["sign"]:
        parts.insert(0, words[found["sign"].replace("−", "-")])
    if last:
        parts += [words["to"], _number(last, language)]
    if unit:
        one = (last or first) == "1"
        if one and language == "de" and parts[-1] == "eins":
            parts[-1] = "ein"
        parts.append(unit_words(unit, language, one=one))
    return ("" if language == "ja" else " ").join(parts)


def _fraction(found: re.Match[str], language: Language) -> str:
    top, bottom = int(found["top"]), int(found["bottom"])
    if language == "ja":
        said = f"{_number(found['bottom'], language)}分の{_number(found['top'], language)}"
    else:
        part = _PARTS[language][bottom][0 if top == 1 else 1]
        count = "ein" if language == "de" and top == 1 else _number(found["top"], language)
        said = f"{count} {part}"
    if found["whole"]:
        said = f"{_number(found['whole'], language)} {_WORDS[language]['and']} {said}"
    if found["inch"]:
        one = not found["whole"] and top < bottom
        said += f" {unit_words(found['unit'] or 'in', language, one=one)}"
    if found["pitch"]:
        said += f" {_number(found['pitch'], language)}"
    return said


def _thread(found: re.Match[str], language: Language) -> str:
    size, pitch = (_number(found[name], language) for name in ("size", "pitch"))
    return f"M {size} {_WORDS[language]['by']} {pitch}"


def _code(found: re.Match[str], language: Language) -> str:
    """Say letters one by one, one or two digits as a number, more one by one; a trouble code all one by one."""
    code = found[0]
    pieces = re.findall(r"[A-Z]+|\d+", code)
    alternates = len(pieces) > 3 and "-" not in code
    said: list[str] = []
    for piece in pieces:
        if piece.isalpha():
            said += piece
        elif len(piece) <= _SPOKEN_NUMBER and not alternates and (piece[0] != "0" or piece == "0"):
            said.append(_number(piece, language))
        else:
            said += [_number(digit, language) for digit in piece]
    return " ".join(said)


def _number(written: str, language: Language) -> str:
    """Return a number in words; what is not a number after all is returned as it stands."""
    decimal, thousands = (",", ".") if language == "de" else (".", ",")
    plain = written
    if thousands in written and re.fullmatch(
        rf"\d{{1,3}}(?:\{thousands}\d{{3}})+(?:\{decimal}\d+)?", written
    ):
        plain = written.replace(thousands, "")
    whole, mark, rest = plain.replace(thousands, decimal).partition(decimal)
    if not whole.isdigit() or (mark and not rest.isdigit()) or len(whole) > 15:
        return written
    words = _cardinal(int(whole), language)
    if not mark:
        return words
    digits = [_cardinal(int(digit), language) for digit in rest]
    if language == "ja":
        return f"{words}{_WORDS[language]['point']}{''.join(digits)}"
    return f"{words} {_WORDS[language]['point']} {' '.join(digits)}"


@cache
def _cardinal(value: int, language: Language) -> str:
    from num2words import num2words

    words: str = num2words(value, lang=language)
    return words.replace(" and ", " ").replace(",", "") if language == "en" else words


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Language], str]], ...] = (
    (_THREAD, _thread),
    (_FRACTION, _fraction),
    (_QUANTITY, _quantity),
    (_CODE, _code),
)

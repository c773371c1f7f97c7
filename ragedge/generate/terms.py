"""Words that carry meaning, spelt so that a question and a passage agree: stems, codes, numbers, CJK pairs."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ragedge.index.terms import cjk_pairs, exact_terms

# Function words and the words questions are asked with; they tell nothing about the topic.
STOP_WORDS = frozenset(
    """a about after all also an and any are as at be been before being between both but by can could did do does doing
    done for from get gets give given goes going had has have he her his how i if in into is it its itself just like
    may me might mine more most much must my need needs no nor not of on one only onto or other our ours out over own
    per please shall she should so some such tell than that the their them then there these they this those to too
    under up upon us use used using very via want was we were what when where whether which while who whom whose why
    will with within without would you your yours happen happens mean means many long often kind
    aber als am an auch auf aus bei beim bin bis das dass dem den der des die dies diese dieser dieses doch durch ein
    eine einem einen einer eines er es für gibt hat habe haben hier ich ihr im in ist ja kann kein keine können man
    mein mit muss müssen nach nicht noch nur oder ohne sein sich sie sind so soll über um und uns unter vom von vor
    wann war warum was welche welcher welches wenn werden wer wie wieso wird wo woher womit wozu zu zum zur""".split()  # noqa: SIM905 -- as a list it would fill pages
)
_WORD = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*")
_TOKEN = re.compile(r"[^\W_]+(?:[.,/'’·-][^\W_]+)*|(?<![\w.,])\.\d+|[^\w\s]")
_PART = re.compile(r"[^\W_]+")
_HAN = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
# Longest first; what stays must have the length given, so that "string" and "bed" keep their ends.
_ENDINGS = (
    ("ization", 4), ("isation", 4), ("ations", 4), ("ation", 4), ("ments", 4), ("ment", 4), ("ions", 4), ("ings", 4),
    ("ies", 3), ("ing", 3), ("ion", 4), ("ers", 4), ("ied", 3), ("ate", 4), ("ess", 5), ("ly", 4), ("ed", 3),
    ("er", 4), ("es", 3), ("or", 5), ("s", 3), ("e", 3), ("y", 3),
)  # fmt: skip
_COUNTRY = re.compile(r"\bUS\b|\bU\.S\.(?:A\.)?")  # in lower case it is a pronoun
# Words of the trade for one thing, British and American; and what manuals abbreviate. Read after folding.
_SAME = {
    "usa": r"united states|americans?|america|the states",
    "eu": r"europeans?|europe",
    "jp": r"japanese|japan",
    "awd": r"(?:all|four)[ -]wheel[ -]drives?|4wd|4x4",
    "fwd": r"front[ -]wheel[ -]drive",
    "rwd": r"rear[ -]wheel[ -]drive",
    "high voltage": r"hv",
    "oil drain plug": r"sump plugs?|sump bolt|oil drain bolt",
    "oil pan": r"oil sump|sump",
    "disc": r"rotors?|disks?",
    "tyre": r"tires?",
    "windscreen": r"windshields?",
    "bonnet": r"hood",
    "petrol": r"gasoline",
    "spanner": r"wrench(?:es)?",
    "gearbox": r"transmissions?",
    "aluminium": r"aluminum",
    "kerb": r"curb",
    "colour": r"colors?",
    "antenna": r"aerials?",
    "parking brake": r"hand[ -]?brakes?",
    "air conditioning": r"air[ -]?con|a/c",
    "crankshaft": r"crank",
    "camshaft": r"cam",
    "minimum": r"min(?=\.)|at least|scrap|wear limit|discard",
    "maximum": r"max|at most|highest",
}
_SYNONYM = re.compile("|".join(rf"(?P<w{i}>\b(?:{words})\b)" for i, words in enumerate(_SAME.values())))
_CANONICAL = tuple(_SAME)
_VOWEL = re.compile(r"[aeiouyäöü]")
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])|\d+(?:[.,]\d+)*|(?<![\w.,])\.\d+")
_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)*)[a-zµω]{1,4}")
_NUMBER_AND_WORD = re.compile(r"\d+(?:[.,/]\d+)*-[a-zäöüß]{3,}", re.I)
_FOLD = str.maketrans({"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "−": "-", "⁄": "/", "’": "'"})


def fold(text: str) -> str:
    """Return text in one spelling of width, case, dashes and fractions; its length may change."""
    return unicodedata.normalize("NFKC", text.translate(_FOLD)).translate(_FOLD).lower()


_words = lru_cache(maxsize=8192)  # passages repeat their words, and an answer reads all of them
_texts = lru_cache(maxsize=1024)  # ... and looks at each of their units from many sides


@_words
def stem(word: str) -> str:
    """Cut a lower-case word's ending; the same for the forms of one word more often than not."""
    word = word.removesuffix("'s")
    if not word.isalpha() or len(word) < 4:
        return word
    for ending, least in _ENDINGS:
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= least and _VOWEL.search(rest):
            if ending == "s" and word.endswith(("ss", "us", "is")):
                return word
            word = rest
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]  # setting, stopped
    if len(word) > 3 and word[-1] in "ey":
        word = word[:-1]
    return word[:-1] + "y" if len(word) > 3 and word.endswith("i") else word


@_texts
def content_terms(text: str) -> tuple[str, ...]:
    """Return a text's terms in order, repeats kept: stems, codes without their marks, numbers, CJK pairs."""
    folded = _SYNONYM.sub(
        lambda m: _CANONICAL[int((m.lastgroup or "w0")[1:])], fold(_COUNTRY.sub("usa", text))
    )
    found: list[str] = []
    for match in _WORD.finditer(folded):
        token = match.group()
        if _HAN.search(token):
            found += cjk_pairs(token)
        elif _NUMBER.fullmatch(token):
            found.append(spell_number(token))
        elif number := _number_of(token):
            found.append(spell_number(number))  # 12V and 12 V agree
        elif is_code(token):
            found.append(spell_code(token))
        else:
            for part in _PART.findall(token):
                if part.isdecimal() or (part not in STOP_WORDS and (len(part) > 1 or not part.isascii())):
                    found.append(stem(part))
    return tuple(found)


@_words
def is_code(token: str) -> bool:
    """Whether a token mixes letters and digits, as fault codes and part numbers do: P0A1F, AMA-5102UT.

    A number and a word (``60-amp``, ``24-month``) are a number and a word.
    """
    if _NUMBER_AND_WORD.fullmatch(token):
        return False
    return any(c.isdigit() for c in token) and sum(c.isalpha() for c in token) >= 1 and len(token) > 1


def _number_of(token: str) -> str:
    """Return the number of a quantity, ``12`` of ``12v``; empty for a code, as ``3002ac`` is."""
    quantity = _QUANTITY.fullmatch(token)
    return quantity[1] if quantity and (len(token) - len(quantity[1]) == 1 or quantities(token)) else ""


def spell_code(token: str) -> str:
    """Return a code without its marks, in lower case."""
    return "".join(c for c in token.lower() if c.isalnum())


@_texts
def codes(text: str) -> frozenset[str]:
    """Return the codes of a text (letters and digits mixed), quantities such as ``12V`` left out."""
    quantities = {token.removesuffix("0").partition("u") for token in exact_terms(text)}
    spelt = {
        number + unit for number, mark, unit in quantities if mark and number.replace("p", "").isdecimal()
    }
    found = {spell_code(m.group()) for m in _WORD.finditer(fold(text)) if is_code(m.group())}
    return frozenset(
        code for code in found if code not in spelt and not re.fullmatch(r"\d+(?:st|nd|rd|th|s|x)", code)
    )


@_texts
def numbers(text: str) -> frozenset[str]:
    """Return the numbers of a text in one spelling: no thousands commas, no zeros before or after."""
    return frozenset(spell_number(m.group()) for m in _NUMBER.finditer(fold(text)))


@_texts
def values(text: str) -> frozenset[str]:
    """Return the numbers of a text that are no part of a code: 35 of ``35 N·m``, not 16 of ``QE16``."""
    tokens = (m.group() for m in _WORD.finditer(fold(text)))
    coded = {token for token in tokens if is_code(token) and not _number_of(token)}
    return numbers(" ".join("" if token in coded else token for token in _TOKEN.findall(fold(text))))


@_words
def spell_number(number: str) -> str:
    """Return a number without thousands commas and needless zeros; ``7,5`` is read as 7.5."""
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number):
        number = number.replace(",", "")
    whole, _, part = number.replace(",", ".").partition(".")
    part = part.rstrip("0")
    return f"{whole.lstrip('0') or '0'}.{part}" if part else whole.lstrip("0") or "0"


@_texts
def quantities(text: str) -> frozenset[str]:
    """Return the numbers that stand with a unit, each unit in one spelling: every 12 N·m is ``12unm0``."""
    return frozenset(token for token in exact_terms(text) if re.match(r"\d[\dpq]*u[a-z]+0$", token))

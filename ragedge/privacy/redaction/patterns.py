# ruff: noqa: E501 -- a pattern is read on its line, not over two
"""The built-in redactor: patterns, check digits and words of context. No model, no dictionary of names.

What is found without a word beside it has a check digit or a form of its own: e-mail, IBAN, card, IP, a vehicle's
number, a telephone number with its country or of the North American plan. The rest needs a word that says what it
is (``Tel.``, ``Kennzeichen``, ``S/N``), since a manual is full of codes. Names are found after a title or in a field
that is called so, and nowhere else: telling a name from other words takes a model of the language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ragedge.datatypes import PersonalData
from ragedge.errors import ConfigError
from ragedge.privacy.redaction.check_digits import is_card, is_iban, is_ip, is_vin, luhn

KINDS = ("email", "iban", "card", "ip", "vin", "plate", "phone", "address", "name", "serial")

_REACH = 40  # characters before a find in which a word of context counts
_UP = r"[A-ZÀ-ÖØ-ÞĀ-ŽΑ-ΩА-Я]"
_NAME = rf"{_UP}[\w'’.-]*(?:[ \t]+(?:(?:van|von|de|der|den|di|da|del|la|le|el|bin|ibn|al)[ \t]+)*{_UP}[\w'’.-]*){{0,3}}"
_PLACE = r"[\w'’.-]+"
_STREET = (
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|ct|place|square|terrace|close|"
    r"crescent|highway|hwy|parkway|pkwy|circle|trail|row|hill|gardens?|grove|mews|quay|courts?|streets?|squares?)\b\.?"
)
_STREET_DE = r"\w*(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|ufer|damm|vej|vænget|gade|gatan|katu|gata|laan|straat)\b"
# Where the word for a street comes first, and those of the north and east that are joined to it.
_STREET_FIRST = (
    r"(?:(?:rue|avenue|boulevard|all[ée]e|chemin|place|quai|via|viale|piazza|corso|strada|calle|avenida|plaza|paseo|rua|travessa|ulica|ul\.|al\.)"
    r"(?:[ ](?:de|du|des|de la|del|della|delle|dei|da|do|dos|das|los|las|l'))?[ ])"
)
_STREET_NORTH = r"\w+(?:tie|polku|kuja|str[æä]ti|straeti|stræde|allé|veien|vegen|gt\.|utca|gatvė|iela|utcája)|\w+ (?:utca|u\.|út|tér|kapu)"
_FLAT = r"(?:(?:apt|suite|unit|box|flat|room|ste)\.? ?#?\d+[A-Za-z]?)"


@dataclass(frozen=True, slots=True)
class _Rule:
    """One form of one kind; ``value`` is the group that is personal, ``context`` must stand shortly before it."""

    kind: str
    form: re.Pattern[str]
    holds: Callable[[str], bool] = bool
    context: re.Pattern[str] | None = None


def _rule(
    kind: str, form: str, holds: Callable[[str], bool] = bool, *, near: str = "", case: bool = False
) -> _Rule:
    context = re.compile(near, re.I) if near else None
    return _Rule(kind, re.compile(form, 0 if case else re.I), holds, context)


def _digits(text: str) -> str:
    return "".join(filter(str.isdecimal, text))


def _card(text: str) -> bool:
    return is_card(_digits(text))


def _iban(text: str) -> bool:
    return is_iban("".join(text.split()))


def _vin(text: str) -> bool:
    return text.upper() == text and any(c.isalpha() for c in text) and is_vin(text)


def _mixed(text: str) -> bool:
    return any(c.isdecimal() for c in text) and any(c.isalpha() for c in text)


def _phone(text: str) -> bool:
    return 7 <= len(_digits(text)) <= 15


def _serial(text: str) -> bool:
    return sum(c.isdecimal() for c in text) >= 3


_FLATS = re.compile(_FLAT, re.I)


def _is_street(text: str) -> bool:
    """Whether a number, words and a word for a street are an address: "2 bolts on the drive" is none."""
    return all(word[0].isupper() or word[0].isdecimal() for word in text.split()) or bool(_FLATS.search(text))


_IS_PHONE = r"phone|\btel\b|\bmobile\b|\bcell|\bcall\b|\bfax\b|\bdesk:|\bhandy\b|\btelefon|\bring\b|hotline|answering at|messages to|電話|携帯"
# Not "plate" alone: machines are full of plates, and a data plate bears part numbers.
_IS_PLATE = (
    r"licen[cs]e (?:plate|no\b|number)|number ?plate|registration (?:plate|no\b|number|mark)|\breg(?:\. ?no)?[.:]|kennzeichen|"
    r"immatriculation|targa\b|matr[ií]cula|ナンバー|車両番号"
)
_IS_VIN = r"\bvin\b|vehicle identification|chassis|fahrgestell|fahrzeug-?ident|車台番号"
_IS_ADDRESS = r"address|\blives (?:at|in|on)|anschrift|adresse|sent to|located at|住所"

_RULES = (
    _rule("email", r"(?<![\w.+-])(?P<value>[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w](?:[\w-]*[\w])?\.)+[^\W\d_]{2,24})(?![\w@])"),
    _rule("iban", r"(?<!\w)(?P<value>[A-Z]{2}\d{2}[A-Z0-9]{11,30})(?!\w)", _iban),
    _rule("iban", r"(?<!\w)(?P<value>[A-Z]{2}\d{2}(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)(?!\w)", _iban, case=True),
    _rule("card", r"(?<![\w.-])(?P<value>\d{12,19}|\d{4}(?:[ -]\d{4}){3}|\d{4}[ -]\d{6}[ -]\d{4,5})(?![\w]|[.-]\d)", _card),
    # An issuer that is not on the list, where a card is spoken of.
    _rule("card", r"(?<![\w.-])(?P<value>\d{15,16}|\d{4}(?:[ -]\d{4}){3})(?![\w]|[.-]\d)", lambda t: luhn(_digits(t)),
          near=r"\bcards?\b|\bcredit|\bdebit|karte\b|カード"),
    _rule("ip", r"(?<![\w.:-])(?P<value>(?:\d{1,3}\.){3}\d{1,3})(?![\w-]|\.\d|:\d+\.)", is_ip),
    _rule("ip", r"(?<![\w.:-])(?P<value>(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4})(?![\w:-])", lambda t: len(t) > 5 and is_ip(t)),
    _rule("vin", r"(?<![\w-])(?P<value>[A-HJ-NPR-Z0-9]{17})(?![\w-])", _vin, case=True),
    _rule("vin", r"(?<![\w-])(?P<value>[A-HJ-NPR-Z0-9]{17})(?![\w-])", _mixed, near=_IS_VIN, case=True),
    # Japan's: place, class, kana, four digits: nothing else looks like it.
    _rule("plate", r"(?P<value>[一-龥ぁ-んァ-ヴ]{1,4} ?\d{1,3} ?[ぁ-ん] ?(?:\d{2}-\d{2}|[・.]{1,3}\d{1,3}|\d{1,2}-?\d{2}))(?!\d)"),
    _rule("plate", r"(?<![\w-])(?P<value>[A-ZÄÖÜ]{1,3}[ -][A-Z]{1,2}[ -]?[1-9]\d{0,3}[EH]?)(?![\w-])", near=_IS_PLATE, case=True),
    _rule("plate", r"(?<![\w-])(?P<value>[A-Z]{2}\d{2} ?[A-Z]{3})(?![\w-])", near=_IS_PLATE, case=True),
    _rule("plate", r"(?<![\w-])(?P<value>[A-Z]{2}[ -]?\d{3}[ -]?[A-Z]{2})(?![\w-])", near=_IS_PLATE, case=True),
    _rule("plate", r"(?<![\w-])(?P<value>\d{4}[ -]?[BCDFGHJ-NPR-TV-Z]{3})(?![\w-])", near=_IS_PLATE, case=True),
    _rule("plate", r"(?<![\w-])(?P<value>(?=[A-Z0-9 -]{0,8}\d)[A-Z0-9]{1,4}[ -][A-Z0-9]{2,4}|(?=[A-Z0-9]{0,7}\d)[A-Z0-9]{5,8})(?![\w-])",
          _mixed, near=_IS_PLATE, case=True),
    _rule("phone", r"(?<![\w+])(?P<value>\+[1-9]\d{0,2}[ .-]?(?:\(0\)[ ]?)?(?:\(?\d{1,5}\)?[ ./-]?){2,6}\d)(?![\w-])", _phone),
    # The North American plan: neither area nor exchange begins with 0 or 1.
    _rule("phone", r"(?<![\w.-])(?P<value>(?:1[ .-])?(?:\([2-9]\d\d\)[ .-]?|[2-9]\d\d[ .-])[2-9]\d\d[.-]\d{4}(?:[ ]?(?:x|ext\.?)[ ]?\d{1,5})?)(?![\w-])"),
    _rule("phone", r"(?<![\w.-])(?P<value>\(?0?\d{1,4}\)?[ ./-]?(?:\d{2,4}[ ./-]?){1,4}\d{2,4}(?:x\d{1,5})?)(?![\w-])", _phone, near=_IS_PHONE),
    _rule("address", rf"(?<![\w-])(?P<value>\d{{1,6}}(?:[ ]\d{{1,5}})?(?:[ ]{_PLACE}){{1,3}}[ ]{_STREET}(?:,?\s{{1,3}}{_FLAT})*)",
          holds=_is_street),
    _rule("address", rf"(?<![\w-])(?P<value>{_UP}?{_STREET_DE}[ ]\d{{1,4}}[a-z]?(?:,?\s{{1,3}}(?:D-|A-|CH-)?\d{{4,5}} {_UP}\w+)?)", case=True),
    _rule("address", rf"(?<![\w-])(?P<value>{_STREET_FIRST}{_UP}[\w'’.-]+(?:[ ]{_UP}[\w'’.-]+){{0,3}},?[ ]\d{{1,4}}[a-z]?)(?![\w-])"),
    _rule("address", rf"(?<![\w-])(?P<value>\d{{1,4}}(?:[ ]?(?:bis|ter))?,?[ ]{_STREET_FIRST}{_UP}[\w'’.-]+(?:[ ]{_UP}[\w'’.-]+){{0,3}})(?![\w-])"),
    _rule("address", rf"(?<![\w-])(?P<value>(?=[^\W\d_]*[A-ZÀ-ÞŁŚŻŐŰ])(?:{_STREET_NORTH})[ ]\d{{1,4}}[a-z]?\.?(?:,?\s{{1,3}}{_FLAT})*)(?![\w-])", case=True),
    _rule("address", rf"(?<![\w-])(?P<value>\d{{1,6}}(?:[ ]{_PLACE}){{1,4}}(?:[ ]\d{{1,5}})?,?\s{{1,4}}{_FLAT}(?:\s{{1,3}}{_FLAT})?)"),
    _rule("address", r"(?<![\w-])(?P<value>(?:PSC|Unit|CMR) \d{1,5},? Box \d{1,5}(?:\s{1,3}(?:APO|FPO|DPO) A[AEP] \d{5})?)", case=True),
    _rule("address", r"(?<![\w-])(?P<value>P\. ?O\. Box \d{1,6}|Postfach \d{1,6}|〒\d{3}-\d{4}[^\n]{0,40})"),
    _rule("address", rf"(?P<value>\d{{1,6}}(?:[ ]{_PLACE}){{1,5}})(?=[,\n.])", near=_IS_ADDRESS, holds=lambda t: bool(re.search(_UP, t))),
    _rule("name", rf"\b(?:Mr|Mrs|Ms|Dr|Prof|Herrn?|Frau|Mme|Sgt|Capt|Lt|Maj|Col)\b\.?[ ](?P<value>{_NAME})", case=True),
    _rule("name", rf"\b(?:(?:[Ff]ull |[Ff]irst |[Ll]ast |[Uu]ser |[Cc]ustomer |[Oo]wner )?[Nn]ame|[Oo]wner|[Tt]echnician|[Cc]ustomer|[Kk]unde|[Ii]nhaber|氏名|お名前)"
          rf"[ \t]*[:：][ \t]*(?P<value>{_NAME}|[一-龥ぁ-んァ-ヴ]{{2,5}}[ 　]?[一-龥ぁ-んァ-ヴ]{{0,5}})", case=True),
    # How letters begin and end, and how a mailbox is written.
    _rule("name", rf"(?m)^(?:Dear|Hi|Hello|Hallo|Liebe|Lieber|Guten Tag|Cher|Chère|Bonjour|Estimad[oa]|Gentile)[ ](?P<value>{_NAME})(?=[,!]|[ ]*$)", case=True),
    _rule("name", rf"\b(?:Kind |Best |Warm )?(?:[Rr]egards|Sincerely|Yours truly|Mit freundlichen Grüßen|Viele Grüße|Cordialement|Saludos|Saluti),?\s{{1,6}}(?P<value>{_NAME})(?=\s|$)", case=True),
    _rule("name", rf"(?P<value>{_NAME})(?=[ ]<[\w.+-]+@)", case=True),
    _rule("name", rf"\b(?:[Cc]/o|Attn\.?:?|z\. ?Hd\.?|From:|To:|Cc:|Von:|An:)[ ](?P<value>{_UP}[\w'’.-]*(?:[ ]{_UP}[\w'’.-]*){{1,3}})", case=True),
    _rule("name", rf"\b(?:I'm|I am|This is|[Bb]illing address:|[Ss]hipping address:|[Mm]ailing address:)\s(?P<value>{_UP}[\w'’-]+(?:[ ]{_UP}\.?)?[ ]{_UP}[\w'’-]+)(?=[,.!?\n]|$)", case=True),
    _rule("name", rf"\b(?:my name is|My name is|ich heiße|Ich heiße)[ ](?P<value>{_NAME})", case=True),
    _rule("serial", r"(?:\bS/N|\bser(?:ial)?\.?[ ]?(?:no|number|nr|num)\b\.?|\bserial[ ]?#|\bseriennummer|\bserien-?nr\.?|製造番号|シリアル番号)"
          r"(?:[ ]is)?[ ]?[:#=]?[ ]?(?P<value>[A-Z0-9][A-Z0-9/-]{3,24}[A-Z0-9])(?![\w-])", _serial),
)  # fmt: skip
# A stock number (four, two, three, four digits) has the look of a telephone number.
_STOCK_NUMBER = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{3}-\d{4}(?!\d)")


def create(options: Mapping[str, Any]) -> PatternRedactor:
    """Build the redactor; the option ``kinds`` names what it looks for.

    Raises:
        ConfigError: an option or a kind is unknown.
    """
    unknown = set(options) - {"kinds"} or set(options.get("kinds", ())) - set(KINDS)
    if unknown:
        raise ConfigError(
            f"redactor 'patterns' does not know {sorted(unknown)[0]!r}; kinds: {', '.join(KINDS)}",
            hint="see docs/configuration.md",
        )
    return PatternRedactor(tuple(options.get("kinds", KINDS)))


class PatternRedactor:
    """Finds personal data of some kinds.

    Args:
        kinds: Which; in the order of ``KINDS`` one find is preferred to another of the same length.
    """

    def __init__(self, kinds: tuple[str, ...] = KINDS) -> None:
        self._rules = [rule for rule in _RULES if rule.kind in kinds]

    def find(self, text: str, /) -> list[PersonalData]:
        """Return what is found, in order; the longer of two that overlap."""
        found = sorted(self._all(text), key=lambda data: (data.start - data.end, KINDS.index(data.kind)))
        kept: list[PersonalData] = []
        for data in found:
            if all(data.end <= other.start or other.end <= data.start for other in kept):
                kept.append(data)
        return sorted(kept, key=lambda data: data.start)

    def _all(self, text: str) -> Iterator[PersonalData]:
        stock = [match.span() for match in _STOCK_NUMBER.finditer(text)]
        for rule in self._rules:
            for match in rule.form.finditer(text):
                start, end = match.span("value")
                while end > start and text[end - 1] in " .,-\n":
                    end -= 1
                value = text[start:end]
                if not value or not rule.holds(value):
                    continue
                if rule.context is not None and not rule.context.search(text, max(0, start - _REACH), start):
                    continue
                if any(a < end and start < b for a, b in stock):
                    continue
                yield PersonalData(rule.kind, start, end)

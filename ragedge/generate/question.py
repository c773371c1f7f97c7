"""What is asked: the text checked and cleaned, its language, and the form its answer should take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ragedge.generate.terms import content_terms, fold
from ragedge.question_text import clean_question

Form = Literal["value", "how_to", "yes_no", "where", "compare", "explain"]
Language = Literal["en", "de", "ja"]

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_GERMAN = re.compile(
    r"[äöüß]|\b(?:der|die|das|dem|den|ein|eine|wie|was|wo|ist|sind|wird|werden|und|mit|für|welche[rs]?|kann|muss|"
    r"nicht|viele?)\b",
    re.I,
)
_ENGLISH = re.compile(r"\b(?:the|what|how|is|are|do|does|which|of|to|can|where|when|my|with)\b", re.I)
_COMPARE = re.compile(
    r"\b(?:differences?|compared?|versus|vs|unterschiede?|rather than|better|larger|higher|lower) ?\b"
    r".*\b(?:and|than|or|und|zu|als|zwischen|between)\b|違い"
    r"|\b(?:which|welche[rsnm]?)\b[^,:]*[,:][^,:]*\b(?:or|oder)\b|^[^,:]*\b(?:or|oder)\b[^,:]*[,:]\s*(?:which|welche[rsnm]?)\b",
    re.I,
)
_VALUE = re.compile(
    r"\bhow (?:much|many|long|often|far|fast|big|large|deep|heavy|high|hot|wide|thick|tight|old|cold)\b"
    r"|\b(?:what|which|at what|to what)\b.{0,60}\b(?:torque|pressure|voltage|current|capacit\w+|clearance|speed|"
    r"temperature|size|weight|interval|resistance|frequency|power|gap|diameter|length|width|height|depth|rating|"
    r"number|code|value|limit|range|amount|quantity|volume|percentage|distance|grade|viscosity|thickness|angle|"
    r"ratio|tolerance|fuse|cost|price|year|date|time|version|rpm|amperage|wattage|level)\b"
    r"|^\W*(?:when|who|which|wann|wer|welche[rsnm]?)\b|\b(?:default|part number|model number)\b"
    r"|\bwie (?:viel\w*|hoch|lange?|oft|gro(?:ß|ss)|schwer|weit|schnell|stark)\b"
    r"|いくつ|いくら|いつ|何(?:[a-zA-Z]|個|分|時間|ボルト|年|回|本|リットル|バール|キロ)|どれくらい",
    re.I,
)
_VALUE_NAME = re.compile(
    r"\b(?:torque|pressure|voltage|current|capacity|clearance|resistance|frequency|gap|diameter|part number|weight|"
    r"interval|viscosity|rating|specifications?|fuse|tolerance|ratio|amount|thickness|distance|(?:min|max)imum|volume|"
    r"quantity|(?:fill|oil|tank|tyre|tire|wheel) (?:amount|size|type)|number)\b"
    r"|drehmoment|druck\b|spannung|トルク|空気圧|電圧|容量|番号",
    re.I,
)
_KEYWORDS = 12  # words; a search rather than a sentence
_HOW_TO = re.compile(
    r"^\W*(?:how (?:do|can|should|would|to|does one|is|are|must|could|shall)\b"
    r"|what (?:is|are) the (?:steps?|procedure|way)\b|(?:steps?|procedure|instructions?) (?:to|for)\b"
    r"|wie (?:kann|muss|soll|wird|werden|stelle|baue|wechs\w+|mache|geht|\w+ (?:ich|man))\b)"
    r"|方法|手順|どうやって|どうすれば|\bsteps (?:to|for)\b",
    re.I,
)
_ORDER = re.compile(
    r"^\W*(?:please )?(?:replac|remov|install|fit|chang|bleed|drain|refill|adjust|reset|calibrat|teach|program|releas|"
    r"disconnect|reconnect|connect)(?:e|ing|ting)?\s+(?:a|an|the|my|its|all)\b"
)
_ADVICE = re.compile(
    r"\bwhat (?:do|should|must|can|shall) (?:i|we|you|one) do\b|\bwas (?:soll|muss|kann) (?:ich|man) tun\b"
)
_YES_NO = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|can|could|should|shall|will|would|may|must|has|have|am|"
    r"ist|sind|kann|können|darf|muss|soll|hat|wird|gibt es)\b|(?:ますか|ですか|できますか)[？?]?\s*$",
    re.I,
)
_WHERE = re.compile(r"^\W*(?:where|wo|woher|wohin)\b|どこ", re.I)
_SENTENCE = re.compile(
    r"^\W*(?:why|explain|describe|is|are|do|does|can|could|should|may|must|will|has|have|"
    r"warum|ist|sind|kann|darf|muss)\b|ますか|なぜ"
)
_WH = re.compile(r"何|どこ|いつ|誰|どの|どれ|いくつ|いくら|なぜ|どう")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, read once.

    Attributes:
        text: Control characters stripped, spaces single.
        terms: Its content terms without repeats, in order.
        form: How its answer should look.
        language: Of the fixed sentences in the answer.
    """

    text: str
    terms: tuple[str, ...]
    form: Form
    language: Language


def read_question(text: str) -> Question:
    """Clean a question and find its terms, form and language.

    Raises:
        QuestionError: nothing is left, or it is too long.
    """
    cleaned = clean_question(text)
    return Question(
        cleaned, tuple(dict.fromkeys(content_terms(cleaned))), form_of(cleaned), language_of(cleaned)
    )


def form_of(text: str) -> Form:
    """Return the form an answer should take; ``explain`` where nothing else is recognised."""
    folded = fold(text)
    if _COMPARE.search(folded):
        return "compare"
    if _ADVICE.search(folded):
        return "explain"
    if _VALUE.search(folded):
        return "value"
    if _HOW_TO.search(folded):
        return "how_to"
    if _WHERE.search(folded):
        return "where"
    if len(folded.split()) <= _KEYWORDS and _VALUE_NAME.search(folded) and not _SENTENCE.search(folded):
        return "value"  # "drain plug torque"
    if _ORDER.search(folded):
        return "how_to"  # "remove the filter"
    if _YES_NO.search(folded) and not _WH.search(folded):
        return "yes_no"
    return "explain"


def language_of(text: str) -> Language:
    """Return the language to answer in; English unless the words say otherwise."""
    if _JAPANESE.search(text):
        return "ja"
    return "de" if len(_GERMAN.findall(text)) > len(_ENGLISH.findall(text)) else "en"

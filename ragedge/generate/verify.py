"""Checks a sentence that the model wrote against the passages: what they do not hold does not get out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ragedge.generate.passages import Passage
from ragedge.generate.quotes import as_quote
from ragedge.generate.terms import STOP_WORDS, codes, content_terms, fold, is_code, numbers, quantities, stem

Reason = Literal[
    "", "too_short", "too_long", "unfinished", "loops", "repeats", "question", "refers", "polarity",
    "support", "numbers", "codes", "names", "negation", "binding",
]  # fmt: skip

_SHORTEST, _LONGEST = 3, 40  # words
_WIDEST = 2  # neighbouring units that one sentence may rest on
_SAME = 0.75  # share of common terms from which two sentences say the same
_NEAR = 2  # words before a number that tell what it is, where none follows
# Words that join a subject to what is said of it; a sentence may add them. "cost" for a price that has a sign.
_JOINING = frozenset(
    stem(word)
    for word in ("located", "found", "available", "called", "named", "requires", "placed", "costs", "equals")
)
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nor|neither|cannot|without|unless|except|nicht|kein\w*|nie(?:mals)?|ohne)\b"
    r"|n't\b|ない|ません|禁止"
)
_MARKER = re.compile(r"\s*[\[(](?:passage\s*)?\d{1,2}[\])]")
_META = re.compile(
    r"\b(?:passages?|numbered|the text|the question|the user|the answer|as an ai|following|as follows)\b|https?://"
)
_POLARITY = re.compile(r"^(?:yes|no|ja|nein|はい|いいえ)\b")
_NAME = re.compile(r"(?<![.!?:]\s)(?<!^)\b[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*")
_TOKEN = re.compile(r"[^\W_]+(?:[.,/·'-][^\W_]+)*|[$€£¥%°]")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a sentence may stand, why not, and the units that carry it (of one passage)."""

    reason: Reason
    passage: int = 0
    units: tuple[int, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the sentence was verified."""
        return self.reason == ""


@dataclass(frozen=True, slots=True)
class _Binding:
    """A number and the words beside it; ``measured`` where what follows is a unit."""

    number: str
    follower: str
    measured: bool
    before: frozenset[str]

    @property
    def measure(self) -> str:
        """What kind of number it is: its unit, its currency, or the word it counts; empty where nothing tells."""
        if self.measured:
            return self.follower.partition("u")[2]
        return next((mark for mark in "$€£¥" if mark in self.before), self.follower)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a sentence says, in the terms it is held to."""

    terms: frozenset[str]
    numbers: frozenset[str]
    quantities: frozenset[str]
    codes: frozenset[str]
    names: frozenset[str]
    bindings: tuple[_Binding, ...]
    negated: bool


def plain(sentence: str) -> str:
    """Return a sentence without passage markers, list marks and emphasis."""
    unmarked = " ".join(_MARKER.sub("", sentence).replace("**", "").split())
    return re.sub(r"^(?:[-*•#]+\s+|\d{1,2}[.)]\s+)", "", unmarked).strip("*` ")


def verify(
    sentence: str,
    passages: Sequence[Passage],
    question_terms: Sequence[str],
    said: Sequence[str] = (),
    *,
    finished: bool = True,
) -> Verdict:
    """Check one sentence.

    All of it must stand in one run of at most two neighbouring units of one passage: every number, quantity
    and code; every name and content word, for which its heading counts too; each number with the word
    that follows it there; and both must negate or neither. A table row is read with its column heads.

    Args:
        sentence: As ``plain`` returns it.
        passages: What was retrieved.
        question_terms: A sentence must say more than these.
        said: Sentences that the answer already holds.
        finished: The model ended the sentence by itself.

    Returns:
        The verdict; of several runs that carry the sentence, the narrowest and first.
    """
    terms = content_terms(sentence)
    unfit = _unfit(sentence, terms, frozenset(question_terms), said, finished=finished)
    if unfit:
        return Verdict(unfit)
    claim = _Claim(
        frozenset(terms) - _JOINING - _unit_words(sentence),
        frozenset(numbers(sentence)),
        frozenset(quantities(sentence)),
        frozenset(codes(sentence)),
        frozenset(fold(name) for name in _NAME.findall(sentence) if not quantities(f"2 {name}")),
        tuple(b for b in _bindings(sentence) if b.number not in question_terms),
        bool(_NEGATION.search(fold(sentence))),
    )
    nearest: Reason = "support"
    for width in range(1, _WIDEST + 1):
        for place, passage in enumerate(passages):
            for first in range(len(passage.units) - width + 1):
                run = range(first, first + width)
                if width > 1 and (claim.bindings or any(passage.units[i].kind == "row" for i in run)):
                    continue  # a number, or a row, stands with its own sentence alone
                reason = _check(claim, passage, place, run)
                if not reason:
                    return Verdict("", place, _carriers(passage, place, run))
                if reason != "support":
                    nearest = reason
    return Verdict(nearest)


def _unfit(
    sentence: str, terms: Sequence[str], asked: frozenset[str], said: Sequence[str], *, finished: bool
) -> Reason:
    """Find what is wrong with a sentence whatever the passages hold."""
    words = sentence.split()
    folded = fold(sentence)
    if not finished:
        return "unfinished"
    if len(words) < _SHORTEST and len(terms) < _SHORTEST:
        return "too_short"
    if len(words) > _LONGEST:
        return "too_long"
    if _META.search(folded):
        return "refers"
    if _POLARITY.search(folded):
        return "polarity"  # words in common cannot tell yes from no
    if max(Counter(zip(words, words[1:], words[2:], strict=False)).values(), default=0) > 1:
        return "loops"
    if any(count > 1 for term, count in Counter(terms).items() if term not in asked):
        return "loops"
    needs = frozenset(terms)
    if not needs - asked - _JOINING:
        return "question"
    for earlier in said:
        before = frozenset(content_terms(earlier))
        if len(needs & before) > _SAME * len(needs | before):
            return "repeats"
    return ""


def _check(claim: _Claim, passage: Passage, place: int, run: range) -> Reason:
    """Hold a claim against a run of units."""
    held = passage.heading_terms.union(*(passage.unit_terms[i] for i in run))
    if passage.units[run.start].kind == "row":
        held = held.union(*(content_terms(head) for head in passage.heads(run.start)))
    if claim.terms - held:
        return "support"
    own = "\n".join(passage.text(passage.units[i]) for i in run)
    read = "\n".join(as_quote(passage, place, i).text for i in run)
    text = f"{own}\n{read}"
    if claim.numbers - numbers(text) or claim.quantities - quantities(text):
        return "numbers"
    titled = "\n".join((text, *passage.hit.heading, passage.hit.context))
    if claim.codes - codes(titled):
        return "codes"
    folded = " ".join(fold(titled).split())
    if any(name not in folded for name in claim.names):
        return "names"
    if claim.negated != bool(_NEGATION.search(fold(own))):
        return "negation"
    held_numbers = _bindings(read)
    if not all(_binds(binding, held_numbers, claim.numbers) for binding in claim.bindings):
        return "binding"
    return ""


def _bindings(text: str) -> list[_Binding]:
    """Return each number of a text with what it counts or measures."""
    tokens = _TOKEN.findall(fold(text))
    found = []
    for at, token in enumerate(tokens):
        if is_code(token) and not quantities(token):
            continue  # held to the passage as a whole
        for number in numbers(token):
            after = tokens[at + 1] if at + 1 < len(tokens) else ""
            unit = next(iter(quantities(f"{number} {after}")), "")
            before = tokens[max(0, at - _NEAR) : at]
            telling = frozenset(stem(word) for word in before if word not in STOP_WORDS)
            follower = unit or ("" if after in STOP_WORDS or not after.isalpha() else stem(after))
            found.append(_Binding(number, follower, bool(unit), telling))
    return found


def _binds(claim: _Binding, held: Sequence[_Binding], said: frozenset[str]) -> bool:
    """Whether a number stands with the same word after it, or before it where none follows; and alone.

    Where the run holds another number of the same measure that the sentence does not say, words in common
    cannot tell which of them is meant.
    """
    if any(other.measure == claim.measure and other.number not in said for other in held):
        return False
    same = [other for other in held if other.number == claim.number]
    if claim.follower:
        return any(other.follower == claim.follower for other in same)
    return any(not other.measured and (claim.before & other.before or not claim.before) for other in same)


def _unit_words(sentence: str) -> frozenset[str]:
    """Return the terms that are units of measure; the quantities they make are held to the passage instead."""
    return frozenset(stem(word) for word in _TOKEN.findall(fold(sentence)) if quantities(f"2 {word}"))


def _carriers(passage: Passage, place: int, run: range) -> tuple[int, ...]:
    """Return a run's units, and the column heads that its rows are read with."""
    return tuple(dict.fromkeys(unit for i in run for unit in as_quote(passage, place, i).units))

"""Yes or no, where one sentence of the evidence settles it; where none does, the reader is shown what it says.

A wrong yes does more harm than none: what is conditional, limited or about another variant settles nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ragedge.generate.evidence import Evidence, Findings
from ragedge.generate.sentences import flat, split_sentences
from ragedge.generate.terms import content_terms, fold, numbers

Polarity = Literal["yes", "no"]

_LOOKED_AT = 6  # units, best first
_BEHIND = 0.8  # ... this far behind the best at most
_COVERED = 0.6  # weighted share of the question's words that the deciding sentence and its headings must hold
_COVERED_BY_YES = 0.7  # ... for a yes
_OWN = 0.5  # ... the sentence itself
_REACH = 3  # words after a negation
_PLAIN = 0.75  # ... where it neither permits, requires nor denies, but states
_NEGATION = re.compile(
    r"\b(?:not|no|never|none|nor|neither|cannot|nothing|nicht|kein\w*|nie(?:mals)?|forbidden|prohibited|verboten)\b"
    r"|n't\b|\bunable\b|ない|ません|禁止|不可"
)
_NEEDLESS = re.compile(
    r"\b(?:do(?:es)? not|don't|doesn't|no) (?:need|have to|require)|\bnot (?:necessary|needed|required)|\boptional\b"
    r"|\bnicht (?:nötig|notwendig|erforderlich)|必要はありません|不要"
)
_NEEDED = re.compile(
    r"\b(?:must|needs?|needed|have to|has to|requires?|required|necessary|should|only (?:when|if|after))\b"
    r"|\b(?:muss|müssen|benötigt|erforderlich|notwendig|nötig)\b|必要|なければなりません|してください"
)
_MUST_NOT = re.compile(r"\b(?:must|should|shall) not\b|\bdarf nicht\b|\bnever\b|\bdo not\b|\bdon't\b")
_POSSIBLE = re.compile(
    r"\b(?:can|may|could|possible|allow\w*|able|enables?|lets?|supports?|available|compatible|approved|permitted)\b"
    r"|\b(?:kann|können|möglich|darf|dürfen|erlaubt|zulässig)\b|できます|可能|対応"
)
_ASKS_NEED = re.compile(
    r"\b(?:must|need|have to|has to|required?|requires|necessary|should|muss|müssen|soll|nötig)\b|必要|なければ"
)
_ASKS_ABILITY = re.compile(
    r"^\W*(?:can|could|may|is it (?:possible|ok|okay|safe|allowed)|am i allowed|kann|können|darf|dürfen)\b"
    r"|できます|可能"
)
_CONDITION = re.compile(
    r"\b(?:unless|except|otherwise|depending|depends|may not be|might|some|certain|only|partly|sometimes|usually)\b"
    r"|ただし|場合があります|のみ"
)
_SUBORDINATE = re.compile(
    r"^\W*(?:if|when|while|after|before|until|once|because|since|as|wenn|falls|bevor|nachdem)\b"
)
_CLAUSE = re.compile(
    r"[,;:、]\s*|\s[–—-]\s|\s(?=(?:but|because|while|when|if|until|unless|so that|that do|which|who|aber|weil|wenn)\b)"
    r"|\s(?=and (?:has|have|is|are|do|does|can|cannot|must|will|not|no)\b)"
)
_OPPOSITES = tuple(
    frozenset(pair.split())
    for pair in (
        "on off",
        "enabl disabl",
        "increas decreas",
        "open clos",
        "lock unlock",
        "connect disconnect",
        "more less",
    )
)


@dataclass(frozen=True, slots=True)
class Settled:
    """What settles a question, and which way."""

    polarity: Polarity
    evidence: Evidence


def settle(findings: Findings) -> Settled | None:
    """Answer a yes-or-no question by the first sentence, best evidence first, that settles it; None where none does.

    Two that settle it differently settle nothing.
    """
    question = fold(findings.question.text)
    if not findings.ranked or _NEGATION.search(question) or re.search(r"\bor\b|\boder\b", question):
        return None
    found: Settled | None = None
    for evidence in findings.ranked[:_LOOKED_AT]:
        if evidence.score < findings.ranked[0].score - _BEHIND:
            break
        polarity = None if evidence.conflict else _polarity(findings, evidence, question)
        if polarity is None:
            continue
        if found is not None and found.polarity != polarity:
            return None
        found = found or Settled(polarity, evidence)
    return found


def _polarity(findings: Findings, evidence: Evidence, question: str) -> Polarity | None:
    passage = findings.passages[evidence.passage]
    unit = passage.units[evidence.unit]
    if unit.kind == "row":
        return None
    weights, total = findings.weights, sum(findings.weights.values()) or 1.0

    def share(terms: frozenset[str]) -> float:
        return sum(weight for term, weight in weights.items() if term in terms) / total

    sentences = split_sentences(flat(passage.text(unit)))
    told = [frozenset(content_terms(sentence)) for sentence in sentences]
    best = max(range(len(sentences)), key=lambda i: share(told[i]), default=None)
    if best is None or share(told[best]) < _OWN or share(told[best] | passage.heading_terms) < _COVERED:
        return None
    sentence = fold(sentences[best])
    if sentence.rstrip().endswith("?") or _opposed(question, sentence):
        return None
    if numbers(question) - numbers(sentence):
        return None
    if _CONDITION.search(sentence) and not _CONDITION.search(question):
        return None
    main = [clause for clause in _CLAUSE.split(sentence) if clause and not _SUBORDINATE.search(clause)]
    if not main:
        return None
    clause = max(main, key=lambda c: share(frozenset(content_terms(c))))
    denied = bool(_NEGATION.search(clause)) or _denies_a_term(main, findings.question.terms)
    polarity = _read(question, clause, share(told[best]), denied=denied)
    # What a yes leaves out may be just what was asked: "preinstalled" of "can I delete preinstalled apps".
    return (
        polarity if polarity == "no" or share(told[best] | passage.heading_terms) >= _COVERED_BY_YES else None
    )


def _denies_a_term(clauses: list[str], terms: tuple[str, ...]) -> bool:
    """Whether what is added of the same subject denies a word of the question: "and have no inlet"."""
    for clause in clauses:
        if not clause.startswith("and "):
            continue
        for negation in _NEGATION.finditer(clause):
            after = " ".join(clause[negation.end() :].split()[:_REACH])
            if not frozenset(terms).isdisjoint(content_terms(after)):
                return True
    return False


def _read(question: str, clause: str, covered: float, *, denied: bool) -> Polarity | None:
    """Read a clause as an answer."""
    if _ASKS_NEED.search(question):
        if _NEEDLESS.search(clause) or _MUST_NOT.search(clause):
            return "no"
        return "yes" if _NEEDED.search(clause) and not denied else None
    if denied:
        return None if _NEEDLESS.search(clause) else "no"
    if _ASKS_ABILITY.search(question):
        return "yes" if _POSSIBLE.search(clause) or covered >= _PLAIN else None
    return "yes" if covered >= _PLAIN else None


def _opposed(question: str, sentence: str) -> bool:
    """Whether the two speak of opposite things: on and off."""
    asked, said = (
        set(content_terms(question)) | set(question.split()),
        set(content_terms(sentence)) | set(sentence.split()),
    )
    return any(asked & pair and said & pair and not asked & said & pair for pair in _OPPOSITES)

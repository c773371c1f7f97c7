"""A question that leans on the ones before it, made whole: what is searched for has to stand in it.

"And for the diesel?" asks the question before it once more, of something else: the something takes the place of its
counterpart there. "How often is it changed?" asks something new of the same thing: the thing is added.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragedge.retrieve.query import STOP_WORDS

_WORD = re.compile(r"[^\W_]+(?:[./-][^\W_]+)*")
# Words that stand for something said before. Japanese has no spaces: there, its own are looked for anywhere.
_POINTS_BACK = re.compile(
    r"(?<!\w)(?:it|its|itself|they|them|their|theirs|that|those|this|these|ones?|there|same|then|otherwise|instead"
    r"|es|sie|ihn|ihm|deren|dessen|davon|dafür|damit|daran|dazu|dort|diese[mnrs]?)(?!\w)|それ|その|これ|この|あれ|同じ",
    re.IGNORECASE,
)
_GOES_ON = re.compile(
    r"\s*(?:and what about|and how about|and|or|but|also|what about|how about|what if|why|und was ist mit"
    r"|und wie ist es|und|oder|aber|was ist mit|では|じゃあ|じゃ)(?!\w)[\s,、]*|\s*(?:では|じゃあ|じゃ)[、,]?",
    re.IGNORECASE,
)
# What asks or says something by itself: a question that has one is more than a fragment.
_ASKS = re.compile(
    r"(?<!\w)(?:what|which|who|whose|where|when|why|how|is|are|was|were|do|does|did|can|could|must|should|shall|may|will"
    r"|would|has|have|was|welche[mnrs]?|wer|wo|wann|warum|wie|ist|sind|hat|haben|kann|muss|soll|darf)(?!\w)"
    r"|何|どこ|どの|いつ|どう|なぜ|いくら|いくつ|ますか|ですか",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?<!\w)(for|of|in|on|at|with|without|under|to|from|before|after|für|bei|von|im|am|mit|ohne|unter|vor|nach|des|der)"
    r"\s+(?:(?:the|a|an|my|our|your|den|dem|das|die|der|des|einen?m?|mein\w*)\s+)?",
    re.IGNORECASE,
)
_UNSPACED = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
# Words of which one takes another's place.
_COUNTERPARTS = tuple(
    frozenset(group.split())
    for group in (
        "petrol gasoline diesel hybrid electric", "front rear", "left right", "upper lower", "inner outer",
        "driver passenger", "intake exhaust", "automatic manual", "summer winter", "cold hot warm", "minimum maximum",
        "first second third", "awd fwd rwd 2wd 4wd", "day night", "city highway", "empty full loaded unloaded",
        "benzin benziner diesel", "vorne hinten", "links rechts", "oben unten", "vordere hintere", "kalt warm heiß",
        "ガソリン ディーゼル ハイブリッド", "前輪 後輪", "前 後", "左 右", "運転席 助手席", "夏 冬",
    )
)  # fmt: skip
# "How many litres of oil does it take?": what takes them is the thing that the manual is of.
_THE_WHOLE_THING = re.compile(
    r"(?<!\w)(?:does|do|will|can)\s+(?:it|they|this|that)\s+(?:take|have|need|use|hold|carry|weigh|get)(?!\w)",
    re.IGNORECASE,
)
_FEW_WORDS = 2  # a shorter question names too little to stand alone


def whole_question(question: str, earlier: Sequence[str]) -> str:
    """Return a question with the words of the conversation that it leans on; a whole one as it is.

    Args:
        question: The last thing asked.
        earlier: What was asked before it, oldest first, each as this function returned it.

    Returns:
        The last earlier question with the new one's fragment in the place of its counterpart; or, where the new one
        asks something by itself, that, followed by those telling words of the earlier one that it lacks.
    """
    if not earlier or not leans(question):
        return question
    fragment = _GOES_ON.sub("", question, count=1).strip(" ?？。.!")
    if fragment and not _ASKS.search(fragment) and not _POINTS_BACK.search(fragment):
        again = _asked_again(earlier[-1], fragment)
        if again:
            return again
    said = {word.lower() for word in _WORD.findall(question)}
    words = [w for w in _telling(earlier[-1]) if w.lower() not in said and not _POINTS_BACK.fullmatch(w)]
    return " ".join([question, *dict.fromkeys(words)])


def leans(question: str) -> bool:
    """Whether a question cannot be understood without what was asked before it."""
    telling = _telling(question)
    if len(telling) > _FEW_WORDS:
        question = _THE_WHOLE_THING.sub("", question)
    if _POINTS_BACK.search(question) or _GOES_ON.match(question):
        return True
    named = any(any(c.isdigit() for c in word) for word in telling)
    return question.isascii() and not named and len(telling) <= _FEW_WORDS and "?" in question


def telling_words(question: str) -> list[str]:
    """Return the words of a question that say what it is about, as they stand in it."""
    return [word for word in _telling(question) if not _POINTS_BACK.fullmatch(word)]


def _asked_again(earlier: str, fragment: str) -> str:
    """Return the earlier question, asked of what the fragment names; nothing where it takes no place there."""
    if _UNSPACED.search(fragment):
        return _replaced_within(earlier, fragment)
    again = earlier
    left = _WORD.findall(_PREPOSITION.sub("", fragment, count=1))
    for word in list(left):
        replaced = _replace_counterpart(again, word)
        if replaced is not None:
            again = replaced
            left.remove(word)
    if again != earlier:
        known = {word.lower() for word in _WORD.findall(again)} | STOP_WORDS
        new = [word for word in left if word.lower() not in known]
        return _with_tail(again, " ".join(new)) if new else again
    preposition = _PREPOSITION.match(fragment)
    if preposition is None:
        return ""
    places = list(_PREPOSITION.finditer(earlier))
    same = [found.start() for found in places if found.group(1).lower() == preposition.group(1).lower()]
    if not same:
        return _with_tail(earlier, fragment)
    start = same[-1]  # the last phrase with it, up to the next preposition or the end
    end = min((found.start() for found in places if found.start() > start), default=len(earlier.rstrip(" ?")))
    return f"{earlier[:start]}{fragment} {earlier[end:].lstrip()}".replace(" ?", "?").strip()


def _with_tail(question: str, words: str) -> str:
    mark = "?" if question.rstrip().endswith("?") else ""
    return f"{question.rstrip(' ?')} {words}{mark}"


def _replace_counterpart(question: str, word: str) -> str | None:
    """Put a word in the place of one that it excludes: of a pair, of a year, of a code of the same shape."""
    for other in _WORD.findall(question):
        low, named = word.lower(), other.lower()
        if low != named and (
            any(low in group and named in group for group in _COUNTERPARTS)
            or (any(c.isdigit() for c in word) and _shape(word) == _shape(other))
        ):
            return re.sub(rf"(?<!\w){re.escape(other)}(?!\w)", lambda _: word, question)
    return None


def _shape(word: str) -> str:
    """Return a code with its letters and digits alike: ``QE16-A`` and ``QE16-P`` are of one kind."""
    return re.sub(r"[A-Za-z]", "a", re.sub(r"\d", "9", word))


def _replaced_within(earlier: str, fragment: str) -> str:
    """The same where words are not told apart by spaces, as in Japanese."""
    for group in _COUNTERPARTS:
        for word in sorted(group, key=len, reverse=True):
            others = [other for other in sorted(group - {word}, key=len, reverse=True) if other in earlier]
            if word in fragment and others:
                return earlier.replace(others[0], word)
    return ""


def _telling(question: str) -> list[str]:
    return [word for word in _WORD.findall(question) if word.lower() not in STOP_WORDS]

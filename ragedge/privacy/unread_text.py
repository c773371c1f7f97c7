# ruff: noqa: E501 -- a pattern is read on its line, not over two
"""Finds runs of text that no reader is meant to read: codes, letters dressed up or set apart, marks of machines.

Whoever plants text for a model may hide it so that no search for its words finds it. Then it does not read like the
sentences around it, whatever it says: it is cut off from the sentence that it leans on, and is no part of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# Each is long: a part number, a checksum's first bytes or a position of a lever stays what it is.
_CODE = re.compile(
    r"(?<!\S)(?=\S*[a-z])(?=\S*[A-Z])(?=\S*\d)[A-Za-z0-9+/_-]{24,}={0,2}(?=[.,;]?(?!\S))"
    r"|(?:(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|&#x?[0-9a-fA-F]+;|U\+[0-9A-F]{4,5}|c?chr\(\d+\))[ +,]?){3,}"
    r"|(?:%[0-9a-fA-F]{2}|=[0-9A-F]{2}){6,}"
    r"|(?<!\w)(?:(?:0x)?[0-9a-fA-F]{2}[ :,]{1,2}){15,}[0-9a-fA-F]{2}(?!\w)"
    r"|(?<!\w)(?:[01]{8} ?){4,}(?!\w)"
    r"|(?<!\S)(?:\d{2,3}[ ,;-]{1,2}){15,}\d{2,3}(?!\S)"
    r"|(?<!\w)(?:\w{1,9} )?(?:\w{1,20}\s?=\s?)?(?:(?P<quote>[\"'])[^\"']{0,40}(?P=quote)\s?\+\s?){3,}(?P=quote)[^\"']{0,40}(?P=quote);?"
)  # fmt: skip
_MORSE = re.compile(r"(?<!\S)(?:[.·•-]{1,6}[ /|]+){7,}[.·•-]{1,6}(?!\S)")
_APART = re.compile(r"(?<!\w)(?:[^\W_][ .·*_/|~+-]{1,4}){9,}[^\W_](?!\w)")
# Letters in circles, squares and the alphabets of formulas, and small letters as wide as a kanji.
_DRESSED = r"[\u24b6-\u24e9\U0001d400-\U0001d6a5\U0001f130-\U0001f189\uff41-\uff5a\U000e0020-\U000e007e]"
_BETWEEN = r"[A-Z\d\s.,!?'\uff01-\uff3a\u3000\U0001f100-\U0001f12f-]"
_DRESSED_WORDS = re.compile(rf"[A-Z\uff21-\uff3a]?(?:{_DRESSED}{{2,}}{_BETWEEN}*){{3,}}(?<=[^A-Z\d\s])")
_MARK = r"[\u0334-\u0338\u20d2-\u20e5\u200b-\u200d\u2060\ufeff]"
_STRUCK = re.compile(rf"(?:[^\W_]{_MARK}[^\w]*){{6,}}")
_STRUCTURED = r"<!--.*?-->|\{\s*[\"'][^{}]*[\"']\s*:[^{}]*\}"
_ROLE = r"(?:system|user|human|assistant|ai|bot|admin(?:istrator)?|developer|operator|instructions?|prompt|context|input|output)"
_LABEL = r"\[{1,3}(?:/|BEGIN |END |START |STOP )[^\[\]\n]{1,40}\]{1,3}|\[\[[^\[\]\n]{1,40}\]\]"
_PART = r"(?:document|context|input|prompt|text|manual|message|conversation|instructions?|data|passage|task)"
# Of a conversation: only where a sentence could begin, as they stand on menus too.
_TURN = re.compile(
    rf"[<\[({{]{{1,3}}[/|#]?\s?(?:{_ROLE}|(?:end|begin|start)\b[^\]>)}}\n]{{0,12}}\b{_PART})\s?[|]?[\]>)}}]{{1,3}}"
    rf"|(?<![^\s\"'>\])}}]){_ROLE}\s?:(?=\s)|\{{\{{[^{{}}\n]{{1,40}}\}}\}}|\b(?:end|begin|start) of (?:the |user )?{_PART}\b",
    re.I,
)
# Marks that part what stands before from what stands after, whoever wrote them; <Enter> alone is a key.
_BORDER = re.compile(
    rf"{_STRUCTURED}|([%#=*~@$^<>|\"'`{{}}()\[\]:-])\1{{2,}}|[│┃║]|{_LABEL}|</[^<>\n]{{1,40}}>|<([a-z_]\w*)>(?=.*</\2>)",
    re.I | re.S,
)
# Without one of them in five words, nothing is said in these tongues.
_SMALL_WORDS = re.compile(
    r"\b(?:the|an?|of|to|in|on|at|is|are|was|were|be|by|for|with|from|and|or|not|no|if|it|its|this|that|as|after|before|until|when|which|has|have|can|all|only"
    r"|der|die|das|den|dem|ein\w*|und|oder|ist|sind|mit|von|zu|im|auf|für|nicht|bei|le|la|les|un|une|de|des|du|et|ou|est|à|en|dans|pour|sur"
    r"|el|los|las|del|y|o|es|por|para|con|il|lo|gli|di|e|che|per|os?|do|da|dos|em|um|uma|com|het|een|van|op|voor|met)\b",
    re.I,
)
_WORD = re.compile(r"[^\W\d_]{2,}")
_ENDED = re.compile(r"(?:[.!?:。！？][\"')\]”’]*|^)\s*$")


def pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """Cut a sentence of a text at what is no part of it.

    A code within a sentence ("the key is ...") is a part of it; one before its first word is not.

    Yields:
        Start and end of each piece, and whether it may be read; together they hold every word of the range.
    """
    at = start
    for a, b in _unread(text[start:end]):
        if _BORDER.fullmatch(text, start + a, start + b) or _ENDED.search(text[at : start + a]):
            yield at, start + a, True
            yield start + a, start + b, text[start + a] == "{"
            at = start + b
    yield at, end, True


def says_nothing(text: str) -> bool:
    """Whether a sentence of five words or more holds none of those that join words, in the tongues that are known."""
    return (
        len(_WORD.findall(text)) > 4
        and text.count(",") < 2
        and not _SMALL_WORDS.search(text)
        and text.isascii()
    )


def _unread(text: str) -> list[tuple[int, int]]:
    """Return the ranges that do not read as language, in order, not overlapping."""
    found = [match.span() for match in _CODE.finditer(text)]
    found += [m.span() for m in _MORSE.finditer(text) if m.group().count("-") > 2 and "." in m.group()]
    found += [m.span() for m in _APART.finditer(text) if sum(c.isalpha() for c in m.group()) > 6]
    if not text.isascii():
        found += [match.span() for pattern in (_DRESSED_WORDS, _STRUCK) for match in pattern.finditer(text)]
    found += [match.span() for pattern in (_TURN, _BORDER) for match in pattern.finditer(text)]
    apart: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart

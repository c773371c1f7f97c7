"""The few words that answer a question in Japanese: a date, a number, a name, cut out of the sentence that holds them.

A question repeats the manual's sentence with a question word in the place of what is asked for: "何年に完成したか"
of "1894年に完成した". So a span of a sentence is scored by what stands around it there and around the question word
here, by whether it is of the kind asked for, and by where it is cut: at particles, brackets and changes of script. The
weights are fitted by benchmarks/short_answers.py.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ragedge.generate.short_answer_weights import WEIGHTS

_WH = re.compile(
    r"いつ|誰|だれ|どこ|何処|どちら|どれくらい|どのくらい|どれ|どの|どんな|どういう|どう|いくつ|いくら|なぜ|なに|なん|何"
)
_COUNTED = "人|個|歳|回|本|台|種|位|度|番|条|世|件|倍|割|分|秒|円|年|日|時間|か|カ|ヶ|パ|[a-zA-Z%％]"
_KIND = (
    ("date", re.compile(r"いつ|何世紀|何年(?![間以])|何月|何日(?!間)|何時(?!間)|何曜")),
    ("number", re.compile(rf"いくつ|いくら|どれくらい|どのくらい|何(?:{_COUNTED})")),
    ("who", re.compile(r"誰|だれ|何者|人物|[人者]は[?？]*$")),
    ("where", re.compile(r"どこ|何処|何[県国市区州島海川駅]|場所|[国県市州島地]は[?？]*$")),
    ("name", re.compile(r"何と|なんと|何という|呼|名前|名称|(?:という|いう|言う)[?？。]*$")),
)
_COUNTER = re.compile(r"何([^\W\d_a-zA-Z])")
_THING = re.compile(r"(?:何の?|どの)([^\W\d_ぁ-ゖa-zA-Z]{1,8})")
_DATE = re.compile(r"(?:\d{1,4}|[一二三四五六七八九十元]+)(?:年|月|日|世紀|時)|時代|前\d")
_SCRIPTS = (
    re.compile(r"[ァ-ヺー・]"), re.compile(r"[ぁ-ゖ]"), re.compile(r"[一-鿿々〆ヶ]"), re.compile(r"[0-9０-９.,]"),
    re.compile(r"[A-Za-z]"), re.compile(r"\s"),
)  # fmt: skip
_SENTENCE = re.compile(r"[^。\n]+。?")
_OPEN, _CLOSE = '「『（(【[〈《"“', '」』）)】]〉》"”'
_LONGEST = 24  # characters of an answer
_ALIKE = 0.7  # of the most that a sentence shares with the question; in others it is not looked for
_AROUND = 8  # characters before and behind it that are compared with the question
_BESIDE = frozenset("はがをにでとのもやへ、。（）「」(")
_NEXT = frozenset(re.findall("..", "であですといと呼によからまでとさとしではにはなどの1年に"))
_PARTICLE = re.compile(r"[はがをにでとのもやへ]")
_ENDS_OPEN = re.compile(r"(?:は|を|という|とは|、)[?？。]*$")
_EXPLAINS = re.compile(r"なぜ|どうやって|どうすれば|どのように|方法|手順|理由|ますか|できるか")

Features = dict[str, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as spans are held against it.

    Attributes:
        before: What stands before the question word; all of it where there is none.
        after: What stands behind it.
        kinds: ``date``, ``number``, ``who``, ``where``, ``name``, or ``thing`` where none of them is asked for.
        counter: What is counted: 人 of 何人; empty where nothing is.
        thing: What is named: 戦争 of 何戦争; empty where nothing is.
        pairs: Its pairs of neighbouring characters.
    """

    before: str
    after: str
    kinds: tuple[str, ...]
    counter: str
    thing: str
    pairs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Span:
    """``texts[text][start:end]``, and the share of its weight in that of all spans, 0 to 1."""

    text: int
    start: int
    end: int
    share: float


def read_asked(question: str) -> Asked:
    """Read a question once for all spans."""
    found = list(_WH.finditer(question))
    counter = _COUNTER.search(question)
    thing = _THING.search(question)
    kinds = tuple(name for name, pattern in _KIND if pattern.search(question))
    start, end = found[-1].span() if found else (len(question), len(question))
    return Asked(
        question[:start], question[end:].rstrip("?？。 "), kinds[:2] or ("thing",), counter[1] if counter else "",
        thing[1] if thing else "", frozenset(_pairs(question)),
    )  # fmt: skip


def asks_for_a_few_words(question: str) -> bool:
    """Whether a question asks for a thing, a time or a number, rather than for a reason or a way."""
    return bool((_WH.search(question) or _ENDS_OPEN.search(question)) and not _EXPLAINS.search(question))


def best_span(question: str, texts: Sequence[str], weights: Mapping[str, float] | None = None) -> Span | None:
    """Return what answers best; None where no text shares anything with the question.

    Args:
        question: In Japanese.
        texts: Passages, best first.
        weights: Of the features; None takes those fitted.
    """
    found = list(candidates(read_asked(question), texts))
    if not found:
        return None
    chosen = WEIGHTS if weights is None else weights
    scores = [score(features, chosen) for *_, features in found]
    highest = max(scores)
    text, start, end, _ = found[scores.index(highest)]
    return Span(text, start, end, 1 / sum(math.exp(one - highest) for one in scores))


def score(found: Features, weights: Mapping[str, float]) -> float:
    """Return the weighted sum of a span's features."""
    return sum(weights.get(name, 0.0) * value for name, value in found.items())


def candidates(asked: Asked, texts: Sequence[str]) -> Iterator[tuple[int, int, int, Features]]:
    """Yield text, start, end and features of each span of the sentences that share most with the question."""
    sentences = [(n, m.start(), m.group()) for n, text in enumerate(texts) for m in _SENTENCE.finditer(text)]
    shares = [len(asked.pairs & frozenset(_pairs(s))) / (len(asked.pairs) or 1) for _, _, s in sentences]
    best = max(shares, default=0.0)
    if not best:
        return
    for (n, at, sentence), share in zip(sentences, shares, strict=True):
        if share < _ALIKE * best:
            continue
        cuts = _cuts(sentence)
        for i, a in enumerate(cuts):
            for b in cuts[i + 1 :]:
                if b - a > _LONGEST:
                    break
                if not sentence[a].isspace() and not sentence[b - 1].isspace():
                    yield n, at + a, at + b, features(asked, sentence, a, b, share, best)


def features(asked: Asked, sentence: str, start: int, end: int, share: float, best: float) -> Features:
    """Look at ``sentence[start:end]``; shares are of the question's pairs of characters."""
    words, left, right = sentence[start:end], sentence[:start], sentence[end:]
    length, pairs = len(words), _pairs(words)
    found: Features = {"share": share, "best": float(share == best), "length": min(length, 12) / 12}
    found["long"] = max(0, length - 12) / 12
    found["one"] = float(length == 1)
    found["told"] = sum(pair in asked.pairs for pair in pairs) / (len(pairs) or 1)
    found["told whole"] = float(length > 1 and words in asked.before + asked.after)
    behind, ahead = right[:_AROUND].lstrip("）)」』"), left[-_AROUND:].rstrip("（(「『")
    found["behind"] = _common(behind, asked.after) / _AROUND
    found["behind told"] = _held(behind, asked.before + asked.after) / _AROUND
    found["ahead"] = _common(ahead[::-1], asked.before[::-1]) / _AROUND
    found["ahead told"] = _held(ahead[::-1], (asked.before + asked.after)[::-1]) / _AROUND
    particle = asked.after[:1]
    if _PARTICLE.match(particle):
        found["particle"] = float(right[:1] == particle)
    digits = any(c.isdigit() for c in words)
    date = bool(_DATE.search(words))
    counted = bool(asked.counter) and words.endswith(asked.counter)
    shape = {
        "date": date,
        "digits": digits,
        "katakana": bool(_SCRIPTS[0].match(words)),
        "kanji": all(_SCRIPTS[2].match(c) for c in words),
        "kana": bool(_SCRIPTS[1].search(words)),
        "latin": bool(_SCRIPTS[4].search(words)),
        "counted": counted,
        "named": bool(asked.thing) and words.endswith(asked.thing),
        "of it": bool(asked.thing) and right.startswith(asked.thing),
        "ordinal": words[0] == "第",
        "quoted": left[-1:] in tuple(_OPEN) and right[:1] in tuple(_CLOSE),
        "marked": words[0] in _OPEN and words[-1] in _CLOSE,
    }
    for name, holds in shape.items():
        if holds:
            found[name] = 1.0
            for kind in asked.kinds:
                found[f"{kind} {name}"] = 1.0
    found["broken"] = float(any((o in words) != (c in words) for o, c in zip(_OPEN, _CLOSE, strict=True)))
    found["comma"] = float("、" in words or "。" in words)
    found["the"] = float("の" in words)
    found["joined"] = sum(p in words for p in ("は", "が", "を", "した", "する", "され")) / 2
    found[f"left {left[-1:] if left[-1:] in _BESIDE else _script(left[-1:])}"] = 1.0
    found[f"right {right[:1] if right[:1] in _BESIDE else _script(right[:1])}"] = 1.0
    for kind in asked.kinds:
        found[f"{kind} right {right[:1] if right[:1] in _BESIDE else _script(right[:1])}"] = 1.0
    found[f"next {right[:2]}" if right[:2] in _NEXT else "next other"] = 1.0
    found[f"first {_script(words[0])}"] = 1.0
    found[f"last {_script(words[-1])}"] = 1.0
    found["same script left"] = float(bool(left) and _script(left[-1]) == _script(words[0]))
    found["same script right"] = float(bool(right) and _script(right[0]) == _script(words[-1]))
    if _script(words[0]) == "1" and _PARTICLE.match(words[0]):
        found["begins with a particle"] = 1.0
    if _PARTICLE.match(words[-1]):
        found["ends with a particle"] = 1.0
    return found


def _cuts(sentence: str) -> list[int]:
    """Return where a span may begin or end: where the script changes, and everywhere in hiragana."""
    cuts = [0]
    for i in range(1, len(sentence)):
        here, before = _script(sentence[i]), _script(sentence[i - 1])
        if (
            here != before
            or here == "-"
            or (here == "1" and sentence[i - 1] in _BESIDE)
            or sentence[i] in _BESIDE
        ):
            cuts.append(i)
    return [*cuts, len(sentence)]


@functools.lru_cache(maxsize=8192)
def _script(char: str) -> str:
    return next((str(i) for i, pattern in enumerate(_SCRIPTS) if pattern.match(char)), "-")


def _pairs(text: str) -> list[str]:
    return [text[i : i + 2] for i in range(len(text) - 1)]


def _common(one: str, other: str) -> int:
    """Return how many first characters two texts share."""
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _held(text: str, within: str) -> int:
    """Return how many first characters of a text stand together somewhere in another."""
    return next((n for n in range(len(text), 0, -1) if text[:n] in within), 0)

"""The warnings and cautions that guard what an answer tells the reader to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ragedge.datatypes import SAFETY_KINDS, SafetyNotice
from ragedge.generate.citations import place
from ragedge.generate.passages import Passage
from ragedge.generate.sentences import flat
from ragedge.ingest.safety import is_bare_notice_word, notice_kind

_SIGNAL = re.compile(r"^[\W_]*[^\W_]+[\W_]*?[:：!！–—-]+\s*")
_NEAR = 200  # characters between a notice's passage and the cited one that still make it "right before"


def notices(passages: Sequence[Passage], cited: Iterable[int]) -> tuple[SafetyNotice, ...]:
    """Return the notices in the cited passages, and in retrieved ones right before them on the page.

    Args:
        passages: All that were retrieved.
        cited: Which of them the answer cites.
    """
    wanted = list(dict.fromkeys(cited))
    before = [
        i
        for i, passage in enumerate(passages)
        if i not in wanted and any(_leads(passage, passages[c]) for c in wanted)
    ]
    found: list[SafetyNotice] = []
    for i in [*before, *wanted]:
        passage = passages[i]
        for unit in passage.units:
            kind: str = unit.kind if unit.kind in SAFETY_KINDS else ""
            if not kind and passage.hit.kind in SAFETY_KINDS and len(passage.units) == 1:
                kind = passage.hit.kind
            if not kind:
                continue
            spans = place(passage.hit, unit.start, unit.end)
            page = spans[0][0].page if spans else passage.hit.page
            notice = SafetyNotice(kind, spoken(passage.text(unit)), passage.hit.source, page)
            if notice not in found:
                found.append(notice)
    return tuple(found)


def spoken(text: str) -> str:
    """Return a notice on one line without its signal word, which its kind says already."""
    first, _, rest = text.strip().partition("\n")
    if is_bare_notice_word(first) and rest.strip():
        return flat(rest)
    if notice_kind(first) and not is_bare_notice_word(first):
        return _SIGNAL.sub("", flat(text), count=1)
    return flat(text)


def _leads(passage: Passage, cited: Passage) -> bool:
    """Whether a passage that is a notice ends right before the cited one begins."""
    hit, other = passage.hit, cited.hit
    if hit.kind not in SAFETY_KINDS or hit.source != other.source or hit.page != other.page:
        return False
    return 0 <= other.start - hit.end <= _NEAR

"""The warnings and cautions that guard what an answer tells the reader to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ragedge.datatypes import SAFETY_KINDS, SafetyNotice
from ragedge.generate.citations import place
from ragedge.generate.evidence import Passage
from ragedge.generate.sentences import flat

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
            notice = SafetyNotice(kind, flat(passage.text(unit)), passage.hit.source, page)
            if notice not in found:
                found.append(notice)
    return tuple(found)


def _leads(passage: Passage, cited: Passage) -> bool:
    """Whether a passage that is a notice ends right before the cited one begins."""
    hit, other = passage.hit, cited.hit
    if hit.kind not in SAFETY_KINDS or hit.source != other.source or hit.page != other.page:
        return False
    return 0 <= other.start - hit.end <= _NEAR

"""Mends printed page numbers: those that a page lacks or that were misread follow from its neighbours."""

from __future__ import annotations

import re
from collections.abc import Sequence

_COUNTED = re.compile(r"^(?P<chapter>.*?)(?P<number>\d+)$")
_REACH = 12  # pages between two that tell what stands between them


def mend_labels(labels: Sequence[str | None]) -> list[str | None]:
    """Fill in labels between two pages of one chapter that count on from each other.

    A label that fits neither of its neighbours, between two that fit each other, was misread.

    Args:
        labels: As printed, None where nothing was found.
    """
    counted: list[tuple[str, int] | None] = []
    for label in labels:
        found = _COUNTED.match(label) if label else None
        counted.append((found["chapter"], int(found["number"])) if found else None)
    mended = list(labels)
    for left, known in enumerate(counted):
        if known is None:
            continue
        chapter, number = known
        for right in range(left + 2, min(left + _REACH, len(counted))):
            if counted[right] == (chapter, number + right - left):
                between = range(left + 1, right)
                # One that fits begins a stretch of its own.
                if not any(counted[at] == (chapter, number + at - left) for at in between):
                    for at in between:
                        mended[at] = f"{chapter}{number + at - left}"
                break
    return mended

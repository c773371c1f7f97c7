"""A preprocessor for scanned text layers: letters read as digits and digits read as letters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ragedge.ingest.options import no_options

# What may as well be a code or a unit ("1l", "5O", "I2C", "H2O", "0x1f") is left as it stands.
_NUMBER = re.compile(r"(?<![\w.,/-])[\dlIO]+(?:[.,/][\dlIO]+)*(?!\w)")  # l/8, 1O5, 0.l, O.005
_WORD = re.compile(
    r"(?<![\w.,-])(?P<O>0)(?=(?!x|b[01]|th\b)[a-z]{2,}(?!\w)|-rings?\b)"  # 0il, 0-ring
    r"|(?<=[a-z]{2})(?P<o>0)(?=[a-z]{2,}(?!\w))"  # thr0ttle
    r"|(?<=[a-z]{2})(?P<l>1)(?=[a-z]{2,}(?!\w))"  # va1ve
)
_DIGIT_MEANT = str.maketrans("lIO", "110")


def create(options: Mapping[str, Any]) -> OcrSlips:
    """Build the preprocessor; it has no options."""
    no_options("preprocessor", "ocr_slips", options)
    return OcrSlips()


class OcrSlips:
    """Mends ``l/8-inch``, ``1O5`` and ``0il``; each character stays where it was."""

    def process(self, text: str, /) -> tuple[str, Sequence[int]]:
        """Mend text, character by character."""
        mended = _NUMBER.sub(_as_number, text)
        mended = _WORD.sub(lambda found: found.lastgroup or "", mended)
        return mended, range(len(text) + 1)


def _as_number(found: re.Match[str]) -> str:
    """Return a number with its letters as digits, or as it stands where they may be meant."""
    token = found[0]
    letters = sum(char.isalpha() for char in token)
    divided = any(mark in token for mark in "./,")
    if not 0 < letters <= len(re.findall(r"\d", token)):
        return token
    if not divided and (token[0].isalpha() or token[-1].isalpha()):
        return token  # "l2", "5O": a name, a unit, a degree sign
    if token[0] == "I" and "/" not in token:
        return token  # "I.2" counts chapters
    return token.translate(_DIGIT_MEANT)

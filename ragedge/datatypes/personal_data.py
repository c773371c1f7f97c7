"""Personal data in a text, as a redactor finds it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PersonalData:
    """Where something personal stands: half-open, in code points; ``kind`` is a lower-case word."""

    kind: str
    start: int
    end: int

"""What a check found: a line of ``ragedge doctor``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding; ``mend`` is the command that puts it right."""

    name: str
    ok: bool
    detail: str
    mend: str = ""

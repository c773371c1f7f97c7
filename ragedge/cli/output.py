"""Standard output that only results reach.

Native libraries print on file descriptor 1 (the Hexagon emulator does). ``claim`` keeps a duplicate of it
for results and points 1 at standard error, so that ``--json`` stays one object and nothing else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

_results: TextIO | None = None


def claim() -> None:
    """Keep standard output for results; call once, before anything heavy loads."""
    global _results
    if _results is not None:
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    _results = os.fdopen(kept, "w", encoding="utf-8", errors="replace", buffering=1)
    sys.stdout = _results  # click prints help there; a command's body calls silence() first


def silence() -> None:
    """From here on, what Python code prints goes to standard error; only ``write`` reaches the results."""
    if _results is not None:
        sys.stdout = sys.stderr


def lend() -> None:
    """Make the results ``sys.stdout`` again, for a library that takes its stream from there; then ``silence``."""
    if _results is not None:
        sys.stdout = _results


def write(text: str = "", *, end: str = "\n") -> None:
    """Write text to the results."""
    stream = _results or sys.stdout
    stream.write(text + end)
    stream.flush()


def write_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object on one line."""
    write(json.dumps(value, ensure_ascii=False, allow_nan=False))


def note(text: str) -> None:
    """Write a line for the person watching, on standard error."""
    sys.stderr.write(text + "\n")


def results_are_a_terminal() -> bool:
    """Tell whether a person reads the results."""
    return (_results or sys.stdout).isatty()


def table(rows: Sequence[tuple[str, ...]], head: tuple[str, ...]) -> str:
    """Lay out rows in columns, two spaces apart; the last column is not padded."""
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join(lines)

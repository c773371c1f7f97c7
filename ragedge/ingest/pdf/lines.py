"""Collects the level and upright lines that a page draws: the rules of its tables and boxes."""

from __future__ import annotations

from typing import Any, NamedTuple

Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
# PDF 32000-1, tables 59 and 60. Curves only draw; a clipping path ends with ``n``, which paints nothing.
PATH_OPERATORS = frozenset(b"m l re h S s f F f* B B* b b* n".split())

_STROKES = frozenset((b"S", b"s", b"B", b"B*", b"b", b"b*"))
_MAX_LINES = 20_000  # of one page; a drawing with more is no table
_SHORTEST = 4.0  # points
_THICKEST = 3.0  # a filled rectangle that is thinner is a line
_SLANT = 0.7  # points by which a line that counts as straight may be off


class Line(NamedTuple):
    """A level or upright line in points of the page, from left to right or from the foot up."""

    x0: float
    y0: float
    x1: float
    y1: float


def multiply(m: Matrix, n: Matrix) -> Matrix:
    """Return the transformation that applies m, then n."""
    a, b, c, d, e, f = m
    g, h, i, j, k, o = n
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + o)


def turn_line(line: Line, turn: int) -> Line:
    """Return a line as it lies to text that runs in the direction of ``turn`` quarter turns."""
    x0, y0, x1, y1 = line
    if turn == 1:
        return Line(y0, -x1, y1, -x0)
    if turn == 2:
        return Line(-x1, -y1, -x0, -y0)
    return Line(-y1, x0, -y0, x1) if turn == 3 else line


class LineCollector:
    """Follows the path operators of content streams; ``lines`` holds what was painted."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._segments: list[tuple[float, float, float, float]] = []
        self._boxes: list[tuple[float, float, float, float]] = []
        self._first = self._at = (0.0, 0.0)

    def take(self, operator: bytes, operands: list[Any], ctm: Matrix) -> None:
        """Follow one operator.

        Raises:
            IndexError, ValueError, TypeError: operands are missing or of the wrong kind.
        """
        if operator == b"m":
            self._first = self._at = _place(operands, ctm)
        elif operator == b"l":
            place = _place(operands, ctm)
            self._segments.append((*self._at, *place))
            self._at = place
        elif operator == b"re":
            x, y, width, height = (float(v) for v in operands[-4:])
            corner, other = _place([x, y], ctm), _place([x + width, y + height], ctm)
            self._boxes.append((*corner, *other))
        elif operator in PATH_OPERATORS:
            if operator in (b"h", b"s", b"b", b"b*") and self._at != self._first:
                self._segments.append((*self._at, *self._first))
                self._at = self._first
            if operator != b"h":
                self._paint(operator)

    def _paint(self, operator: bytes) -> None:
        if operator != b"n" and len(self.lines) < _MAX_LINES:
            stroked = operator in _STROKES
            for x0, y0, x1, y1 in self._boxes:
                left, right, low, high = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
                if right - left <= _THICKEST or high - low <= _THICKEST:
                    self._add((left + right) / 2, low, (left + right) / 2, high)
                    self._add(left, (low + high) / 2, right, (low + high) / 2)
                elif stroked:
                    for line in ((left, low, right, low), (left, high, right, high),
                                 (left, low, left, high), (right, low, right, high)):  # fmt: skip
                        self._add(*line)
            for segment in self._segments if stroked else ():
                self._add(*segment)
        self._segments, self._boxes = [], []

    def _add(self, x0: float, y0: float, x1: float, y1: float) -> None:
        wide, tall = abs(x1 - x0), abs(y1 - y0)
        if max(wide, tall) >= _SHORTEST and min(wide, tall) <= _SLANT:
            self.lines.append(Line(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _place(operands: list[Any], ctm: Matrix) -> tuple[float, float]:
    x, y = float(operands[-2]), float(operands[-1])
    a, b, c, d, e, f = ctm
    return x * a + y * c + e, x * b + y * d + f

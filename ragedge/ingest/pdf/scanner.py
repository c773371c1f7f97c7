"""Breaks a content stream into operators with their operands; what has to do with drawing is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ragedge.ingest.pdf.visibility import PAINT_OPERATORS

_TOKEN = re.compile(
    rb"""
      (?P<number>[-+]{0,2}(?:\d+\.?\d*|\.\d+)(?:-\d+)?)
    | \((?P<string>(?:[^()\\]|\\.)*)\)
    | (?P<nested>\()
    | /(?P<name>[^\s()<>\[\]{}/%]*)
    | (?P<operator>[A-Za-z'"][A-Za-z0-9*'"]*)
    | (?P<open>\[) | (?P<close>\])
    | <(?P<hex>[0-9A-Fa-f\s]*)>
    | (?P<dict><<|>>)
    | %[^\r\n]*
    """,
    re.X | re.S,
)
_NESTED = re.compile(rb"\\.|[()]", re.S)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|(\r\n|\r|\n)|(.))", re.S)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_IMAGE_END = re.compile(rb"[\s\x00]EI(?=[\s\x00]|$)")
# PDF 32000-1, annex A: text, its state and place, forms, images, paths and their paint. All others only draw.
_WANTED = frozenset(b"Tj TJ ' \" Td TD Tm T* Tf BT ET Tc Tw Tz TL Ts cm q Q Do ID".split()) | PAINT_OPERATORS
_MAX_TOKENS = 12_000_000


def operations(data: bytes) -> Iterator[tuple[bytes, list[Any]]]:
    """Yield operators with their operands: numbers as float, strings as bytes, names as str, arrays as list.

    Damage is passed over: operands of the wrong number or kind are the caller's to expect.
    """
    operands: list[Any] = []
    array: list[Any] | None = None
    position = tokens = 0
    search = _TOKEN.search
    while (found := search(data, position)) is not None and tokens < _MAX_TOKENS:
        tokens += 1
        position = found.end()
        kind = found.lastgroup
        if kind == "operator":
            operator = found["operator"]
            if array is not None:
                if operator not in (b"TJ", b"ET", b"BT"):
                    continue  # some writers set spacings inside the array
                operands.append(array)  # its end is missing
                array = None
            if operator == b"ID":
                end = _IMAGE_END.search(data, position)
                position = end.end() if end else len(data)
            if operator in _WANTED:
                yield operator, operands
            operands = []
            continue
        if kind == "number":
            value: Any = _number(found[0])
        elif kind == "string":
            raw = found["string"]
            value = _ESCAPE.sub(_unescape, raw) if b"\\" in raw else raw
        elif kind == "nested":
            raw, position = _nested_string(data, position)
            value = _ESCAPE.sub(_unescape, raw) if b"\\" in raw else raw
        elif kind == "hex":
            digits = b"".join(found["hex"].split())
            value = bytes.fromhex((digits + b"0" if len(digits) % 2 else digits).decode("ascii"))
        elif kind == "name":
            value = "/" + found["name"].decode("latin-1")
        elif kind == "open":
            array = []
            continue
        elif kind == "close":
            value, array = array if array is not None else [], None
        else:
            continue
        (operands if array is None else array).append(value)


def _number(token: bytes) -> float:
    try:
        return float(token)
    except ValueError:  # doubled signs and 12-34, which other readers take as the first number
        digits = re.match(rb"[-+]*([\d.]+)", token)
        return (-1.0 if token.startswith(b"-") else 1.0) * float(digits[1]) if digits else 0.0


def _nested_string(data: bytes, start: int) -> tuple[bytes, int]:
    """Read a string that holds balanced parentheses, from just after its first."""
    depth = 1
    for found in _NESTED.finditer(data, start):
        if found[0] == b"(":
            depth += 1
        elif found[0] == b")":
            depth -= 1
            if depth == 0:
                return data[start : found.start()], found.end()
    return data[start:], len(data)


def _unescape(found: re.Match[bytes]) -> bytes:
    octal, newline, other = found.groups()
    if octal is not None:
        return bytes([int(octal, 8) & 255])
    return b"" if newline is not None else _ESCAPES.get(other, other)

"""Writes settings as the TOML that ``effective_config.load`` reads; the standard library only reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def as_toml(values: Mapping[str, Any]) -> str:
    """Return dotted keys as sections of a settings file, sorted; what is None is left out."""
    lines: list[str] = []
    stage = ""
    for key, value in sorted(values.items()):
        if value is None:
            continue
        section, _, leaf = key.partition(".")
        if section != stage:
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
            stage = section
        lines.append(f"{leaf} = {_value(value)}")
    return "\n".join(lines) + "\n" if lines else ""


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_value(str(key))} = {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # Of numbers, truth values and strings JSON is TOML, but for the control character that JSON leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")

"""What to build: a TOML file with a table for each line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragedge.errors import ConfigError

_KEYS = {"paths", "metadata", "settings"}
# A line names a folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HINT = "the README of ragedge-fleet shows a file"


@dataclass(frozen=True, slots=True)
class Line:
    """One knowledge base to build.

    Attributes:
        name: Of its folder.
        paths: Files and folders to take in, absolute.
        metadata: Put on every document.
        settings: Dotted keys over the defaults.
    """

    name: str
    paths: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_plan(path: Path) -> list[Line]:
    """Read a plan.

    Raises:
        ConfigError: it cannot be read, or a line is not what is expected.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise ConfigError(f"cannot read the plan {path}: {exc}", hint=_HINT) from exc
    lines = tree.get("lines")
    if set(tree) != {"lines"} or not isinstance(lines, Mapping) or not lines:
        raise ConfigError(f"{path} must hold tables [lines.NAME] and nothing else", hint=_HINT)
    return [_line(path, name, body) for name, body in lines.items()]


def _line(path: Path, name: str, body: Any) -> Line:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{path}: {name!r} cannot name a folder; letters, digits, dot, dash, underscore", hint=_HINT
        )
    if not isinstance(body, Mapping) or set(body) - _KEYS or not _is_paths(body.get("paths")):
        raise ConfigError(
            f"{path}: line {name!r} needs paths (a list), and may have metadata and settings (tables)",
            hint=_HINT,
        )
    tables = [body.get(key, {}) for key in ("metadata", "settings")]
    if not all(isinstance(table, Mapping) for table in tables):
        raise ConfigError(f"{path}: line {name!r}: metadata and settings are tables", hint=_HINT)
    paths = tuple(str((path.parent / item).resolve()) for item in body["paths"])
    return Line(name, paths, dict(tables[0]), dict(tables[1]))


def _is_paths(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)

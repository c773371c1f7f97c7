"""Finds plugins by (kind, name) through entry points; only the one that is named gets imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from ragedge.errors import PluginConflictError, PluginError, RagedgeError, UnknownPluginError

Kind = Literal[
    "loader", "preprocessor", "chunker", "ocr", "embedder", "index", "reranker", "generator", "backend",
    "source", "redactor", "key_store", "tool", "wake_word", "voice_activity", "speech_recognizer", "speech_output",
]  # fmt: skip
KINDS: tuple[str, ...] = Kind.__args__  # type: ignore[attr-defined]


def installed(kind: Kind) -> dict[str, EntryPoint]:
    """Return the entry points of a kind by name; nothing is imported.

    Raises:
        PluginConflictError: two packages register one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in _registered(tuple(sys.path)).select(group=f"ragedge.{kind}"):
        known = found.get(point.name)
        if known is not None and known.value != point.value:
            raise PluginConflictError(
                f"two {kind} plugins are named {point.name!r}: {known.value} and {point.value}",
                hint="uninstall one of the packages",
            )
        found[point.name] = point
    return found


@lru_cache(maxsize=1)
def _registered(_path: tuple[str, ...]) -> Any:
    """Read every installed package's entry points, once: an answer names five kinds, each a walk of its own."""
    return entry_points()


def create(kind: Kind, name: str, options: Mapping[str, Any] | None = None) -> Any:
    """Import the named plugin and build it.

    Args:
        kind: The plugin kind.
        name: The name it is registered under.
        options: Handed to its factory, which validates them.

    Raises:
        UnknownPluginError: none has that name.
        PluginConflictError: two packages register it.
        PluginError: its import failed; the cause is attached.
    """
    found = installed(kind)
    if name not in found:
        raise UnknownPluginError(kind, name, sorted(found))
    try:
        factory = found[name].load()
    except RagedgeError:
        raise
    except Exception as exc:
        raise PluginError(
            f"{kind} plugin {name!r} ({found[name].value}) failed to load: {type(exc).__name__}: {exc}",
            hint="reinstall the package that provides it",
        ) from exc
    return factory(options or {})

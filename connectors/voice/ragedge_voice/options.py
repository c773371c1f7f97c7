"""Checks what a plugin is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ragedge.errors import ConfigError


def checked(what: str, options: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    """Return options over their defaults, all as text.

    Raises:
        ConfigError: one is not known.
    """
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(f"{what} has no option {unknown[0]!r}; it has: {', '.join(known) or 'none'}")
    return {**known, **{key: str(value) for key, value in options.items()}}


def number(what: str, name: str, value: str, low: float, high: float) -> float:
    """Return an option as a number.

    Raises:
        ConfigError: it is none, or out of bounds.
    """
    try:
        found = float(value)
    except ValueError:
        found = float("nan")
    if not low <= found <= high:
        raise ConfigError(f"{what}: {name} is a number from {low:g} to {high:g}, not {value!r}")
    return found

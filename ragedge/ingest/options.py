"""Checks the options that a plugin of this package is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ragedge.errors import ConfigError


def no_options(kind: str, name: str, options: Mapping[str, Any]) -> None:
    """Refuse any option.

    Raises:
        ConfigError: one was given.
    """
    integers(kind, name, options, {})


def integers(
    kind: str, name: str, options: Mapping[str, Any], allowed: Mapping[str, tuple[int, int, int]]
) -> dict[str, int]:
    """Return integer options with defaults filled in.

    Args:
        kind: The plugin's kind, for errors.
        name: The plugin's name, for errors.
        options: As handed to the factory.
        allowed: For each option its least, default and greatest value.

    Raises:
        ConfigError: an option is unknown, or its value is not allowed.
    """
    unknown = sorted(set(options) - set(allowed))
    if unknown:
        known = ", ".join(allowed) or "none"
        raise ConfigError(
            f"{kind} {name!r} has no option {unknown[0]!r}; options: {known}",
            hint="see docs/configuration.md",
        )
    values: dict[str, int] = {}
    for key, (least, default, greatest) in allowed.items():
        value = options.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
            raise ConfigError(
                f"{kind} {name!r}: option {key!r} is {value!r}; it must be a whole number from {least} to {greatest}",
                hint="see docs/configuration.md",
            )
        values[key] = value
    return values

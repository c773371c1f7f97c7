"""Conditions on metadata (``--where``), applied before ranking, so that a filter never costs results."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragedge.datatypes import MetadataValue
from ragedge.errors import ConfigError

_CONDITION = re.compile(r"\s*([^=<>\s][^=<>]*?)\s*(>=|<=|=)(.*)", re.DOTALL)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, ">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; ``operator`` is ``=``, ``>=`` or ``<=``."""

    key: str
    operator: str
    value: MetadataValue

    def accepts(self, metadata: Mapping[str, Any]) -> bool:
        """Say whether metadata meets it; a missing key does not."""
        if self.key not in metadata:
            return False
        left, right = metadata[self.key], self.value
        numbers = _number(left), _number(right)
        if numbers[0] is not None and numbers[1] is not None:
            return _COMPARE[self.operator](*numbers)
        return _COMPARE[self.operator](str(left).casefold(), str(right).casefold())


Where = Sequence["str | Condition"] | Mapping[str, MetadataValue]


def conditions(where: Where | None) -> tuple[Condition, ...]:
    """Read conditions: ``["year>=2020", "model=X"]``, or ``{"model": "X"}``.

    Raises:
        ConfigError: one is not of the form ``key=value``, ``key>=value`` or ``key<=value``.
    """
    if where is None:
        return ()
    if isinstance(where, Mapping):
        return tuple(Condition(key, "=", value) for key, value in where.items())
    return tuple(part if isinstance(part, Condition) else _parse(part) for part in where)


def predicate(wanted: Sequence[Condition]) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that accepts metadata meeting every condition."""
    return lambda metadata: all(condition.accepts(metadata) for condition in wanted)


def _parse(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"{text!r} is not a condition", hint="write --where key=value, key>=value or key<=value"
        )
    return Condition(match[1], match[2], match[3].strip())


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except ValueError:
        return None

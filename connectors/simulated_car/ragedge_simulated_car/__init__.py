"""Reads the tyre pressures of a simulated car."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ragedge.errors import ConfigError

WHEELS = ("front left", "front right", "rear left", "rear right")
# kPa, cold: a slow leak at the front right.
SIMULATED = {"front left": 241, "front right": 196, "rear left": 262, "rear right": 259}


class TyrePressures:
    """What the model sees of the car."""

    name = "tyre_pressures"
    description = "Reads the pressure of the car's tyres as it is now, front, rear or all."
    parameters: Mapping[str, Any] = {
        "type": "object",
        "properties": {"axle": {"enum": ["front", "rear", "all"]}},
        "required": ["axle"],
        "additionalProperties": False,
    }

    def call(self, arguments: Mapping[str, Any], /) -> str:
        """Return the pressures of the tyres asked for."""
        axle = arguments["axle"]
        wanted = [wheel for wheel in WHEELS if axle == "all" or wheel.startswith(axle)]
        return ", ".join(f"{wheel} {self.read(wheel)} kPa" for wheel in wanted)

    def read(self, wheel: str) -> int:
        """Return the pressure of one tyre, in kPa; here a car's bus is read."""
        return SIMULATED[wheel]


def create(options: Mapping[str, Any]) -> TyrePressures:
    """Build the tool; it has no options."""
    if options:
        raise ConfigError(f"tool tyre_pressures: unknown option {next(iter(options))!r}", hint="remove it")
    return TyrePressures()

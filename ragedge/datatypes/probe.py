"""What a backend says of the device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """Whether a backend can run here, and if not, why not and what to install."""

    available: bool
    reason: str
    devices: tuple[str, ...] = ()

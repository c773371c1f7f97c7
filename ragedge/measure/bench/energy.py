"""Reads what the platform tells of its energy: RAPL's counters, or a board's power sensors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

SYSTEM = Path("/sys")
_SAMPLE_S = 0.05


class EnergyMeter:
    """Joules since it was opened. Use ``find``; ``close`` it when done.

    Attributes:
        source: What it reads, in words.
    """

    def __init__(self, counters: Sequence[Path], sensors: Sequence[Path], source: str) -> None:
        self.source = source
        self._counters = {path: _number(path) for path in counters}
        self._joules = 0.0
        self._closed = threading.Event()
        self._sampler = None
        if sensors:  # they tell power, not energy: it is summed up meanwhile
            self._sampler = threading.Thread(target=self._sample, args=(tuple(sensors),), daemon=True)
            self._sampler.start()

    @classmethod
    def find(cls, system: Path = SYSTEM) -> EnergyMeter | None:
        """Return a meter over what can be read here, the first of these kinds; None where there is nothing.

        Args:
            system: Where sysfs is mounted.
        """
        # A zone's children (intel-rapl:0:1) are parts of it.
        zones = [path for path in system.glob("class/powercap/*-rapl:*") if path.name.count(":") == 1]
        counters = _readable(path / "energy_uj" for path in zones)
        if counters:
            return cls(counters, (), f"RAPL, {len(counters)} package{'s' if len(counters) > 1 else ''}")
        counters = _readable(system.glob("class/hwmon/hwmon*/energy*_input"))
        if counters:
            return cls(counters, (), f"hwmon, {len(counters)} energy counters")
        sensors = _readable(system.glob("class/hwmon/hwmon*/power*_input"))
        return cls((), sensors, f"hwmon, {len(sensors)} power sensors") if sensors else None

    def joules(self) -> float:
        """Return what was spent since it was opened."""
        for path, before in self._counters.items():
            now = _number(path)
            spent = now - before
            if spent < 0:  # the counter ran over
                limit = path.with_name("max_energy_range_uj")
                spent += _number(limit) if limit.is_file() else 0
            self._counters[path] = now
            self._joules += max(spent, 0) / 1e6
        return self._joules

    def close(self) -> None:
        """Stop sampling."""
        self._closed.set()
        if self._sampler is not None:
            self._sampler.join()

    def _sample(self, sensors: tuple[Path, ...]) -> None:
        last = time.perf_counter()
        while not self._closed.wait(_SAMPLE_S):
            watts = sum(map(_number, sensors)) / 1e6
            now = time.perf_counter()
            self._joules += watts * (now - last)
            last = now


def _readable(paths: Iterable[Path]) -> list[Path]:
    found = []
    for path in sorted(paths):
        try:
            _number(path)
        except (OSError, ValueError):  # RAPL is root's on most systems
            continue
        found.append(path)
    return found


def _number(path: Path) -> int:
    return int(path.read_text("ascii"))

"""What this machine is, and how a process holds itself to a smaller one."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragedge.errors import ConfigError
from ragedge.runtime.threads import usable_cores

_ZONES = Path("/sys/class/thermal")


@dataclass(frozen=True, slots=True)
class Hold:
    """A smaller device to pretend to be; None leaves as it is.

    Attributes:
        cores: Run on so many cores.
        memory_mb: Have no more than this in memory, pages of the weight file included.
        speed: Run this share of the time, 0 to 1, as a processor of so much lower a frequency.
    """

    cores: int | None = None
    memory_mb: int | None = None
    speed: float = 1.0

    def check(self) -> None:
        """Say what of it cannot be done here, before anything is measured.

        Raises:
            ConfigError: the system has no such limit, or the machine has fewer cores.
        """
        limits = {"cores": hasattr(os, "sched_setaffinity"), "memory_mb": sys.platform == "linux",
                  "speed": os.name == "posix"}  # fmt: skip
        asked = {
            "cores": self.cores,
            "memory_mb": self.memory_mb,
            "speed": None if self.speed == 1 else self.speed,
        }
        for name, possible in limits.items():
            if asked[name] is not None and not possible:
                raise ConfigError(f"{platform.system()} cannot hold a process to {name}", hint="leave it out")
        if self.cores is not None and self.cores > usable_cores():
            raise ConfigError(
                f"there are {usable_cores()} cores here: fewer can be foreseen, {self.cores} cannot",
                hint=f"--cores {usable_cores()} or less",
            )

    def take_on(self) -> None:
        """Hold this process to the cores, for good. Memory and speed are held from outside."""
        if self.cores is not None and sys.platform == "linux":
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: self.cores])


def describe(hold: Hold, threads: int) -> dict[str, Any]:
    """Return what stands under ``machine``: the figures beside it hold for this one."""
    from importlib.metadata import version

    held = {
        "cores": hold.cores,
        "memory_mb": hold.memory_mb,
        "speed": hold.speed if hold.speed != 1 else None,
    }
    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "processor": _processor(),
        "cores": usable_cores(),
        "threads": threads,
        "memory_mb": memory,
        "held_to": {key: value for key, value in held.items() if value is not None},
        "onnxruntime": version("onnxruntime"),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def temperature_c(zones: Path = _ZONES) -> float | None:
    """Return the hottest thermal zone's temperature; None where the system tells none."""
    found = []
    for path in zones.glob("thermal_zone*/temp"):
        try:
            found.append(int(path.read_text("ascii")) / 1000)
        except (OSError, ValueError):
            continue
    return max(found, default=None)


def _processor() -> str:
    """Name the processor: from the kernel's own list, a board's device tree, or what Python knows."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
        return Path("/proc/device-tree/model").read_text("utf-8", "replace").strip("\0\n ")
    except OSError:
        return platform.processor() or platform.machine()

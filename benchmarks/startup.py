"""Times `import ragedge` and `ragedge --help` against a bare interpreter, in turns, as paired medians.

    python benchmarks/startup.py [--runs 40]

A run starts each of the three once, in a fresh process; the ratio is the median over runs of the ratio within a run,
so that a machine that is busy for a while slows both of a pair.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "bare": [sys.executable, "-c", "pass"],
    "import": [sys.executable, "-c", "import ragedge"],
    "help": [str(Path(sys.executable).parent / "ragedge"), "--help"],
}
AT_MOST = {"import": 5.0, "help": 15.0}


def seconds(command: list[str]) -> float:
    """Run a command to its end."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=40)
    runs = parser.parse_args().runs
    for command in COMMANDS.values():  # bytecode is written, files are in the page cache
        seconds(command)
    taken = {name: [0.0] * runs for name in COMMANDS}
    for run in range(runs):
        for name, command in COMMANDS.items():
            taken[name][run] = seconds(command)
    median_ms = {name: round(1000 * statistics.median(values), 1) for name, values in taken.items()}
    ratio = {
        name: round(statistics.median(a / b for a, b in zip(taken[name], taken["bare"], strict=True)), 2)
        for name in AT_MOST
    }
    ok = all(ratio[name] <= AT_MOST[name] for name in AT_MOST)
    facts = {"python": platform.python_version(), "machine": platform.machine(), "runs": runs}
    print(json.dumps({**facts, "median_ms": median_ms, "ratio": ratio, "at_most": AT_MOST, "ok": ok}))
    sys.exit(not ok)


if __name__ == "__main__":
    main()

"""Kills every kind of change at random moments, and looks at what is left; benchmarks/kills.py has more of ingests.

    nice python benchmarks/kill_operations.py               # 360 kills; goes on where an earlier run was stopped
    python benchmarks/kill_operations.py --kills 14 --seed 7 --log /tmp/kills.jsonl

One JSON line for each kill; exit status 1 if something was lost, doubled, torn, or does not open.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from operations import OPERATIONS, fresh, prepare

from ragedge.errors import RagedgeError

LOG = Path(__file__).resolve().parent / "results" / "kill_operations.jsonl"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30 * len(OPERATIONS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=LOG)
    arguments = parser.parse_args()
    rows = run(arguments.kills, arguments.seed, arguments.log)
    failed = [row for row in rows if row["wrong"]]
    print(
        json.dumps({"kills": len(rows), "failed": len(failed), **Counter(row["operation"] for row in rows)})
    )
    for row in failed:
        print(json.dumps(row), file=sys.stderr)
    return 1 if failed else 0


def run(kills: int, seed: int, log: Path) -> list[dict[str, Any]]:
    """Return a row for each kill, those that the log already holds first."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch))
        while len(rows) < kills:
            killed = Counter(row["operation"] for row in rows)
            name = min(OPERATIONS, key=lambda one: killed[one])  # one after the other
            rows.append(kill(Path(scratch), name, len(rows), random.Random(f"{seed}-{len(rows)}")))
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
    return rows[:kills]


def kill(scratch: Path, name: str, number: int, chance: random.Random) -> dict[str, Any]:
    """Kill one operation; return what was found."""
    operation, folder = OPERATIONS[name], scratch / "at" / "kb"
    fresh(scratch, operation, folder)
    moment = chance.uniform(0.0, operation.longest_s)
    with operation.start(folder, scratch) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moment)
        process.kill()
        told = process.stdout.read().splitlines()
        assert process.stderr is not None
        err = process.stderr.read().strip().splitlines()
    try:
        wrong = operation.wrong(folder, told)
    except RagedgeError as exc:
        wrong = f"{type(exc).__name__}: {exc.message}"
    if not wrong and process.returncode > 0:  # it failed before it was killed
        wrong = err[-1][:120] if err else "it failed"
    return {
        "kill": number,
        "operation": name,
        "after_s": round(moment, 4),
        "steps": len(told),
        "wrong": wrong,
    }


if __name__ == "__main__":
    sys.exit(main())

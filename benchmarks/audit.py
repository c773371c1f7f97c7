"""What the audit log costs: searches and answers with it on against off, in turns, on one knowledge base.

python benchmarks/audit.py MANUAL [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import ragedge

QUESTIONS = (
    "drain plug torque",
    "oil change interval",
    "fuse of the horn",
    "battery voltage",
    "tyre pressure",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manual", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        with ragedge.open(Path(scratch) / "kb", create=True) as kb:
            kb.ingest(chosen.manual)
        settings = {"generate.generator": "none"}
        with (
            ragedge.open(Path(scratch) / "kb", settings=settings) as off,
            ragedge.open(Path(scratch) / "kb", settings={**settings, "privacy.audit": True}) as on,
        ):
            for kb in (off, on):
                kb.ask(QUESTIONS[0])
            for _ in range(chosen.rounds):
                for question in QUESTIONS:
                    for name, kb in (("off", off), ("on", on)):
                        for action in ("search", "ask"):
                            started = time.perf_counter()
                            getattr(kb, action)(question)
                            taken.setdefault(f"{action} {name}", []).append(time.perf_counter() - started)
            records = on.store.audit.records()
    median = {name: round(statistics.median(times) * 1e3, 2) for name, times in taken.items()}
    added = {name: round(median[f"{name} on"] - median[f"{name} off"], 2) for name in ("search", "ask")}
    size = round(statistics.mean(len(one.body) + len(one.tag) for one in records))
    print(json.dumps({"median_ms": median, "added_ms": added, "bytes_a_record": size}, indent=1))


if __name__ == "__main__":
    main()

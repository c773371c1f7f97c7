"""What encryption costs: open, search and ask on one manual, plain and encrypted, in turns in one run.

    .venv/bin/python benchmarks/encryption.py [MANUAL.pdf] [--rounds 40]

Prints one JSON object: medians in milliseconds, the ratio of paired medians, and bytes on the disk. Opening is
told apart into the derivation of the key (scrypt, made slow on purpose) and the rest.
"""

import argparse
import json
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import ragedge
from ragedge.privacy.keys import KEYS, KeyFile, Secret

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
QUESTIONS = [
    "What is the torque of the bearing retainer screws?",
    "How is the alternator tested for output voltage?",
    "Which tools are needed to remove the pulley?",
    "What resistance must the field coil have?",
    "How do I replace the brush assembly?",
    "Where is the voltage regulator mounted?",
]


def timed(call):
    started = time.perf_counter()
    value = call()
    return value, (time.perf_counter() - started) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "manual", nargs="?", type=Path, default=DATA / "army_manuals" / "tm-9-2920-225-34.pdf"
    )
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="ragedge-encryption-"))
    keys = {"plain": None, "encrypted": "three blue gaskets"}
    settings = {"generate.generator": "none"}
    report: dict = {"manual": arguments.manual.name, "rounds": arguments.rounds}
    try:
        times: dict = {what: {name: [] for name in keys} for what in ("open", "search", "ask")}
        kbs = {}
        for name, key in keys.items():
            with ragedge.open(work / name, create=True, key=key, settings=settings) as kb:
                _, report[f"ingest_{name}_ms"] = timed(lambda kb=kb: kb.ingest(arguments.manual))
            report[f"bytes_{name}"] = sum(f.stat().st_size for f in (work / name).iterdir())
            kbs[name] = ragedge.open(work / name, key=key, settings=settings)
            kbs[name].ask(QUESTIONS[0])
        chooser = random.Random(1)
        for _ in range(arguments.rounds):
            question = chooser.choice(QUESTIONS)
            for name in chooser.sample(list(keys), len(keys)):
                opened, ms = timed(
                    lambda name=name: ragedge.open(work / name, key=keys[name], settings=settings)
                )
                opened.close()
                times["open"][name].append(ms)
                times["search"][name].append(timed(lambda name=name, q=question: kbs[name].search(q))[1])
                times["ask"][name].append(timed(lambda name=name, q=question: kbs[name].ask(q))[1])
        stored = KeyFile.parse((work / "encrypted" / KEYS).read_bytes())
        report["derivation_ms"] = statistics.median(
            timed(lambda: stored.unlock(Secret.of(str(keys["encrypted"]))))[1] for _ in range(5)
        )
        for what, sides in times.items():
            medians = {name: statistics.median(values) for name, values in sides.items()}
            report[what] = {f"{name}_ms": round(ms, 2) for name, ms in medians.items()}
            report[what]["ratio"] = round(medians["encrypted"] / medians["plain"], 3)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

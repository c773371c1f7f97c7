"""Feeds the parsers changed files: five minutes or 100,000 executions each, whichever is later.

    nice python benchmarks/fuzz.py                                # every parser, one after the other; resumable
    python benchmarks/fuzz.py --targets html csv --seconds 60 --executions 5000
    python benchmarks/fuzz.py --targets gguf --engine atheris     # guided by coverage, where atheris is installed

The parsers and the mutator are those of tests/fuzz/fuzz_targets.py. Anything raised outside ragedge's own errors, and
anything that takes over ten seconds of a processor, is a finding: the file is kept in --keep. The log holds lines
for each parser with executions, seconds and findings by kind; one that was cut short goes on from where it was, and its
lines add up. Findings that were mended belong into tests/fuzz/corpus.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "fuzz"))

LOG = ROOT / "benchmarks" / "results" / "fuzz.jsonl"
_SLOW_S = 10.0


def main() -> int:
    from fuzz_targets import TARGETS

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--targets", nargs="+", choices=sorted(TARGETS), default=sorted(TARGETS))
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--most-seconds", type=float, default=3600, help="end even if executions are lacking")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("changes", "atheris"), default="changes")
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    bad = False
    for name in options.targets:
        options.done = done(name, options)
        if options.done["executions"] >= options.executions and options.done["seconds"] >= options.seconds:
            continue
        row = (guided if options.engine == "atheris" else run)(name, options)
        bad = bad or bool(row["findings"])
        options.log.parent.mkdir(parents=True, exist_ok=True)
        with options.log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    return 1 if bad else 0


def done(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the executions and seconds that the log already holds for a parser."""
    lines = options.log.read_text().splitlines() if options.log.exists() else []
    rows = [
        row
        for row in map(json.loads, lines)
        if (row["target"], row["engine"], row["seed"]) == (name, options.engine, options.seed)
    ]
    return {key: sum(row[key] for row in rows) for key in ("executions", "seconds")}


class Session:
    """Runs one parser and counts."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        from fuzz_targets import seeds_of

        self.name, self.options = name, options
        self.findings: dict[str, int] = {}
        self.executions = 0
        self.started, self._cpu = time.perf_counter(), time.process_time()
        for data in seeds_of(name):
            self.feed(data)

    def feed(self, data: bytes) -> None:
        """Run the parser over one file."""
        from fuzz_targets import finding

        began = time.process_time()
        found = finding(self.name, data)
        self.executions += 1
        if found is None and time.process_time() - began > _SLOW_S:
            found = "slow"
        if found is not None:
            if found not in self.findings:
                folder = self.options.keep / self.name
                folder.mkdir(parents=True, exist_ok=True)
                (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
            self.findings[found] = self.findings.get(found, 0) + 1

    @property
    def is_over(self) -> bool:
        """Whether time and executions are both spent, or all the time there is."""
        took = time.perf_counter() - self.started
        before = self.options.done
        enough = (
            took + before["seconds"] >= self.options.seconds
            and self.executions + before["executions"] >= self.options.executions
        )
        return enough or took >= self.options.most_seconds

    def row(self) -> dict[str, Any]:
        """Return what the log holds."""
        return {
            "target": self.name, "engine": self.options.engine, "seed": self.options.seed,
            "executions": self.executions, "seconds": round(time.perf_counter() - self.started, 1),
            "cpu_seconds": round(time.process_time() - self._cpu, 1),
            "findings": self.findings,
        }  # fmt: skip


def run(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Change seeds at random."""
    from fuzz_targets import mutated

    session = Session(name, options)
    while not session.is_over:
        number = options.done["executions"] + session.executions
        session.feed(mutated(name, random.Random(f"{options.seed}-{number}")))
    return session.row()


def guided(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Let atheris change them, guided by what of our code they reach; it forks, as it ends its process."""
    import os
    import pickle

    ours, theirs = os.pipe()
    if not (child := os.fork()):
        import atheris

        with atheris.instrument_imports(include=["ragedge"]):
            import ragedge.ingest.parser_worker
            import ragedge.models.chat_template
            import ragedge.models.compile.gguf_tokenizer
            import ragedge.models.compile.safetensors_reader  # noqa: F401
        from fuzz_targets import seeds_of

        folder = options.keep / "seeds" / name
        folder.mkdir(parents=True, exist_ok=True)
        for data in seeds_of(name):
            (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
        session = Session(name, options)

        def one(data: bytes) -> None:
            session.feed(data)
            if session.is_over:
                os.write(theirs, pickle.dumps(session.row()))
                os._exit(0)

        atheris.Setup([sys.argv[0], f"-seed={options.seed}", "-rss_limit_mb=0", str(folder)], one)
        atheris.Fuzz()
        os._exit(1)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    if not content:
        return {"target": name, "engine": "atheris", "seed": options.seed, "executions": 0, "seconds": 0.0,
                "findings": {"the process ended": 1}}  # fmt: skip
    row: dict[str, Any] = pickle.loads(content)
    return row


if __name__ == "__main__":
    sys.exit(main())

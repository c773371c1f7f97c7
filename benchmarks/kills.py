"""Kills an ingest at random moments, 200 times, and looks at what is left.

    nice python benchmarks/kills.py                     # goes on where an earlier run was stopped
    python benchmarks/kills.py --kills 20 --seed 7 --log /tmp/kills.jsonl

Two kinds take turns: a first ingest into a new knowledge base, and one over an older state of the folder (files
changed, renamed and deleted since). `ragedge ingest` runs in a process of its own and gets SIGKILL at a moment
drawn from its usual length. Then `status` must answer (or say that nothing was taken in yet), every stored row must
be as it was written, the same ingest again must reach the content digest of an undisturbed run, and no word that
only deleted and changed files held may be left in any file. One JSON line for each kill; exit status 1 if one failed.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ragedge
from ragedge.errors import KnowledgeBaseNotFoundError

LOG = Path(__file__).resolve().parent / "results" / "kills.jsonl"
SETTINGS = {
    "generate.generator": "none",
    "index.exact_below": 0,
}  # a graph is kept, so that it may be torn too
GONE = b"zyxwvutter"
FILES, STEPS = 8, 14


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--workers", type=int, default=2, help="parser processes of the ingest")
    arguments = parser.parse_args()
    rows = run(arguments.kills, arguments.seed, arguments.log, arguments.workers)
    failed = [row for row in rows if not row["ok"]]
    places: dict[str, int] = {}
    for row in rows:
        place = row["left"] if row["left"] in ("nothing", "finished") else "in between"
        places[place] = places.get(place, 0) + 1
    print(json.dumps({"kills": len(rows), "failed": len(failed), "left": places}))
    return 1 if failed else 0


def run(kills: int, seed: int, log: Path, workers: int = 2) -> list[dict[str, Any]]:
    """Return a row for each kill, those that the log already holds first."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), workers)
        while len(rows) < kills:
            number = len(rows)
            # A stream of its own for each kill, so that a run that is taken up again draws the same moments.
            row = bench.kill(number, random.Random(f"{seed}-{number}"))
            rows.append(row)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return rows[:kills]


class Bench:
    """Two states of a folder, and what an undisturbed ingest makes of each."""

    def __init__(self, scratch: Path, workers: int) -> None:
        self._scratch, self._workers = scratch, workers
        # The same folder in two states: a file is known by where it lies.
        self._folder = scratch / "manuals"
        self._write(old=True)
        self._before = scratch / "before"
        assert self._ingest(self._before).wait() == 0
        self._write(old=False)
        self._goal, self._length = {}, {}
        for kind in ("new", "over"):
            times = []
            for _ in range(3):
                kb = self._prepared(kind)
                started = time.perf_counter()
                assert self._ingest(kb).wait() == 0
                times.append(time.perf_counter() - started)
            self._length[kind] = statistics.median(times)
            with ragedge.open(kb, settings=SETTINGS) as opened:
                self._goal[kind] = opened.status()["content_digest"]
        assert self._goal["new"] == self._goal["over"]

    def kill(self, number: int, chance: random.Random) -> dict[str, Any]:
        """Kill one ingest; return what was found."""
        kind = ("new", "over")[number % 2]
        kb = self._prepared(kind)
        moment = chance.uniform(0.0, 1.05 * self._length[kind])
        process = self._ingest(kb)
        time.sleep(moment)
        process.kill()
        finished = process.wait() == 0
        row: dict[str, Any] = {"kill": number, "kind": kind, "after_s": round(moment, 4)}
        try:
            with ragedge.open(kb, settings=SETTINGS) as opened:
                status = opened.status()
                opened.verify_rows()
                same = status["content_digest"] == self._goal[kind]
                row["left"] = "finished" if finished else f"{status['documents']} documents"
                row["content_was_complete"] = same
        except KnowledgeBaseNotFoundError:
            row["left"] = "nothing"
        with ragedge.open(kb, create=True, settings=SETTINGS) as opened:
            opened.ingest(self._folder)
            opened.verify_rows()
            status = opened.status()
        row["same_digest"] = status["content_digest"] == self._goal[kind]
        row["words_left"] = any(GONE in path.read_bytes() for path in kb.rglob("*") if path.is_file())
        row["ok"] = (
            row["same_digest"] and not row["words_left"] and (row["left"] != "nothing" or kind == "new")
        )
        return row

    def _prepared(self, kind: str) -> Path:
        kb = self._scratch / "kb"
        shutil.rmtree(kb, ignore_errors=True)
        if kind == "over":
            shutil.copytree(self._before, kb)
        return kb

    def _ingest(self, kb: Path) -> subprocess.Popen[bytes]:
        flags = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
        return subprocess.Popen(
            [sys.executable, "-m", "ragedge", "ingest", str(self._folder), "--kb", str(kb),
             "--workers", str(self._workers), *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _write(self, *, old: bool) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for number in range(FILES):
            if old and number == FILES - 1:
                continue  # added since
            name = f"unit-{number}.md"
            if number == 3:
                name = "formerly-3.md" if old else "now-3.md"
            parts = [f"# Unit {number}\n"]
            for step in range(STEPS):
                parts.append(
                    f"## Step {step}\n\nTurn valve {step} of unit {number} by {step * 7 % 50} degrees.\n"
                )
                if old and number in (4, 5):
                    parts.append(f"The {GONE.decode()} takes {step} litres.\n")
            (self._folder / name).write_text("\n".join(parts), encoding="utf-8")
        if old:
            (self._folder / "deleted.md").write_text(f"# Gone\n\nThe {GONE.decode()} is filled.\n")


if __name__ == "__main__":
    sys.exit(main())

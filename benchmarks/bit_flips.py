"""Flips single bits in what is stored, and looks whether one of them reaches an answer.

    nice python benchmarks/bit_flips.py                    # 500 flips; goes on where an earlier run was stopped
    python benchmarks/bit_flips.py --flips 50 --seed 7 --log /tmp/bit_flips.jsonl
    python benchmarks/bit_flips.py --kind page --flips 100 # pages of zeros and files cut short instead of bits
    python benchmarks/bit_flips.py --flips 750 --targets bundle slots session "encrypted session"  # 250 more, of these

A small knowledge base (documents, a graph, tuned values, a verdict, a fitted threshold) is copied, one random bit of
one of its files or of a model's is turned, the file's times stay, and a new process searches and asks. Of a bundle,
it is installed over an older release, which must stay in use; of slots, what is installed is asked; of a session, what
the model had read for it is loaded and the next question leans on it. An outcome is
``found`` (an error of ragedge's own, or the cache was made anew and the answers are those of before), ``no effect``
(nothing is said and every hit and answer is as before), ``missed`` (something else was answered) or ``crashed``.
One JSON line each; exit status 1 if one was missed or crashed. Models must be pulled.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bundle_line import pack

import ragedge
from ragedge import plugins
from ragedge.bundle import signing, slots
from ragedge.errors import RagedgeError
from ragedge.installed import read_state
from ragedge.models import store as models
from ragedge.models.manifest import MANIFEST_NAME
from ragedge.testing.hash_embedder import HashEmbedder

LOG = Path(__file__).resolve().parent / "results" / "bit_flips.jsonl"
SETTINGS = {"generate.generator": "none", "index.exact_below": 0, "ingest.workers": 1}
KEY = b"0123456789abcdef0123456789abcdef"
QUESTIONS = (
    "How far is valve 3 of unit 2 turned?", "What torque do the bolts of unit 4 take?", "code KX-41B",
    "Which oil goes into unit 5?", "What does the horoscope say?",
)  # fmt: skip
# How often each target is drawn. The databases hold what answers are made of.
TARGETS = {"database": 10, "encrypted database": 4, "index": 2, "encrypted index": 1, "keys": 1, "embedder": 2,
           "generator": 1, "bundle": 2, "slots": 2, "session": 1, "encrypted session": 1}  # fmt: skip
# What needs no models that must be pulled.
OF_MODELS = ("embedder", "generator", "session", "encrypted session")
TALKING = {
    "generate.model": "smollm2-135m", "generate.prompt_fill": "passages", "generate.abstain_below": 0.0,
    "generate.calibrate": False, "ingest.workers": 1,
}  # fmt: skip
_PAGE = 4096


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=("bit", "page"), default="bit")
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--log", type=Path, default=LOG)
    parser.add_argument("--without-models", action="store_true", help="leave the model files alone")
    arguments = parser.parse_args()
    log = arguments.log if arguments.kind == "bit" else arguments.log.with_stem(f"{arguments.log.stem}_pages")
    targets = [t for t in arguments.targets if not arguments.without_models or t not in OF_MODELS]
    rows = run(arguments.flips, arguments.seed, log, arguments.kind, targets)
    table = Counter((row["target"], row["outcome"]) for row in rows)
    print(json.dumps({"flips": len(rows), **{f"{a}: {b}": n for (a, b), n in sorted(table.items())}}))
    bad = [row for row in rows if row["outcome"] in ("missed", "crashed")]
    for row in bad:
        print(json.dumps(row), file=sys.stderr)
    return 1 if bad else 0


def run(
    flips: int, seed: int, log: Path, kind: str = "bit", targets: Sequence[str] = tuple(TARGETS)
) -> list[dict[str, Any]]:
    """Return a row for each flip, those that the log already holds first."""
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch), kind, targets)
        while len(rows) < flips:
            row = bench.flip(len(rows), random.Random(f"{seed}-{len(rows)}"))
            rows.append(row)
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return rows[:flips]


class Bench:
    """Two knowledge bases of the same documents, plain and encrypted, and copies of two models."""

    def __init__(self, scratch: Path, kind: str, targets: Sequence[str]) -> None:
        self._scratch, self._kind = scratch, kind
        self._targets = {name: TARGETS[name] for name in targets}
        manuals = scratch / "manuals"
        write_manuals(manuals)
        self._expected: dict[str, dict[str, Any]] = {}
        if not set(targets) <= {"bundle", "slots", *OF_MODELS}:
            for name, key in (("plain", None), ("sealed", KEY)):
                with _opened(scratch / name, key, create=True) as kb:
                    kb.ingest(manuals)
                    kb.store.learned.set_values("tuned", {"retrieve.top_k": 4, "retrieve.dense_weight": 0.8})
                    kb.store.learned.add_feedback(QUESTIONS[1], "unit-4.md", None, right=True)
                self._expected[name] = _in_child(_answers, scratch / name, key)
        if {"bundle", "slots"} & set(targets):
            pack(scratch, (1, 2))
            slots.install(scratch / "release-1", scratch / "slots", _trusted(scratch))
            self._expected["slots"] = _in_child(_device, scratch / "slots")
        if {"session", "encrypted session"} & set(targets):
            for name, key in (("session", None), ("encrypted session", KEY)):
                _in_child(_talk, scratch / name, key, manuals)
                shutil.copytree(scratch / name, scratch / "at")
                self._expected[name] = _in_child(_resumed, scratch / "at", key)
                shutil.rmtree(scratch / "at")
        if {"embedder", "generator"} & set(targets):
            self._home = scratch / "home"
            for model in ("minilm-l6", "smollm2-135m"):
                folder = self._home / "models" / model
                shutil.copytree(models.find(model).path, folder)
                # As an import writes it today.
                (folder / MANIFEST_NAME).write_text(models.read_manifest(folder).to_json())
            for name in ("embedder", "generator"):
                self._expected[name] = _in_child(_loaded, self._home, name)

    def flip(self, number: int, chance: random.Random) -> dict[str, Any]:
        """Turn one bit; return what came of it."""
        target = chance.choices(list(self._targets), list(self._targets.values()))[0]
        if target in ("embedder", "generator"):
            return self._flip_model(number, target, chance)
        if target in ("bundle", "slots"):
            return self._flip_bundle(number, target, chance)
        if target.endswith("session"):
            return self._flip_session(number, target, chance)
        name = "sealed" if target.startswith("encrypted") or target == "keys" else "plain"
        kb = self._scratch / "kb"
        shutil.rmtree(kb, ignore_errors=True)
        shutil.copytree(self._scratch / name, kb)
        file = {"keys": "kb.keys"}.get(target) or ("index.hnsw" if "index" in target else "kb.sqlite")
        place = damage(kb / file, chance, self._kind)
        got = _in_child(_answers, kb, KEY if name == "sealed" else None)
        return self._row(number, target, file, place, got, self._expected[name])

    def _flip_model(self, number: int, target: str, chance: random.Random) -> dict[str, Any]:
        folder = self._home / "models" / ("minilm-l6" if target == "embedder" else "smollm2-135m")
        file = chance.choice(sorted(path for path in folder.iterdir() if path.is_file()))
        whole = file.read_bytes()
        place = damage(file, chance, self._kind)
        got = _in_child(_loaded, self._home, target)
        file.write_bytes(whole)
        return self._row(number, target, file.name, place, got, self._expected[target])

    def _flip_bundle(self, number: int, target: str, chance: random.Random) -> dict[str, Any]:
        device = self._scratch / "device"
        shutil.rmtree(device, ignore_errors=True)
        shutil.copytree(self._scratch / "slots", device)
        if target == "bundle":
            bundle = self._scratch / "bundle"
            shutil.copyfile(self._scratch / "release-2", bundle)
            place = damage(bundle, chance, self._kind)
            got = _in_child(_installed, bundle, device, self._scratch)
            return self._row(number, target, "bundle", place, got, self._expected["slots"])
        files = sorted(path for path in device.rglob("*") if path.is_file() and path.stat().st_size)
        file = chance.choice(files)
        place = damage(file, chance, self._kind)
        got = _in_child(_device, device)
        return self._row(number, target, str(file.relative_to(device)), place, got, self._expected["slots"])

    def _flip_session(self, number: int, target: str, chance: random.Random) -> dict[str, Any]:
        kb = self._scratch / "at"
        shutil.rmtree(kb, ignore_errors=True)
        shutil.copytree(self._scratch / target, kb)
        (file,) = kb.glob("session-*")
        place = damage(file, chance, self._kind)
        got = _in_child(_resumed, kb, KEY if target.startswith("encrypted") else None)
        return self._row(number, target, file.name, place, got, self._expected[target])

    def _row(
        self, number: int, target: str, file: str, place: str, got: dict[str, Any], expected: dict[str, Any]
    ) -> dict[str, Any]:
        row: dict[str, Any] = {"flip": number, "target": target, "file": file, "place": place}
        if "crash" in got:
            return row | {"outcome": "crashed", "said": got["crash"]}
        if got["said"]:
            got = got | {"said": got["said"].replace(f"{self._scratch}/", "")}
            found = "missed" if got["answers"] not in (None, expected["answers"]) else "found"
            return row | {"outcome": found, "said": got["said"], "hint": got["hint"]}
        same = got["answers"] == expected["answers"]
        return row | {"outcome": "no effect" if same else "missed", "said": ""}


def damage(file: Path, chance: random.Random, kind: str = "bit") -> str:
    """Damage a file in place, its times kept as a medium that rots keeps them; return where."""
    times = file.stat()
    content = bytearray(file.read_bytes())
    if kind == "bit":
        at, bit = chance.randrange(len(content)), chance.randrange(8)
        content[at] ^= 1 << bit
        place = f"bit {bit} of byte {at}"
    elif chance.random() < 0.7:
        page = chance.randrange((len(content) + _PAGE - 1) // _PAGE)
        content[page * _PAGE : (page + 1) * _PAGE] = bytes(len(content[page * _PAGE : (page + 1) * _PAGE]))
        place = f"page {page} zeroed"
    else:
        at = chance.randrange(len(content))
        del content[at:]
        place = f"cut at {at}"
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    return place


def write_manuals(folder: Path) -> None:
    """Write a few small manuals."""
    folder.mkdir()
    for number in range(6):
        parts = [f"# Unit {number}\n"]
        for step in range(10):
            parts.append(
                f"## Step {step}\n\nTurn valve {step} of unit {number} by {step * 7 + number} degrees. "
                f"The bolts of unit {number} take {20 + number} N·m; order them as KX-4{number}B.\n"
            )
        parts.append(f"## Oil\n\nUnit {number} takes oil of grade {number * 10}W-{number}0.\n")
        (folder / f"unit-{number}.md").write_text("\n".join(parts), encoding="utf-8")


def _opened(path: Path, key: bytes | None, *, create: bool = False) -> ragedge.KnowledgeBase:
    kb = ragedge.open(path, key=key, create=create, settings=SETTINGS)
    kb._parts._embedder = HashEmbedder()  # quick, and the same in every process
    return kb


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _answers(path: Path, key: bytes | None) -> dict[str, Any]:
    """Return what is found and answered, or what ragedge said of the damage."""
    heard = _Heard()
    logging.getLogger("ragedge").addHandler(heard)
    answers = []
    try:
        with _opened(path, key) as kb:
            for question in QUESTIONS:
                hits = kb.search(question)
                answer = kb.ask(question)
                answers.append([
                    [(h.source, h.page, h.heading, h.text, h.start, h.end, round(h.score, 6)) for h in hits],
                    [(h.source, h.text) for h in kb.search(question, where=["source=unit-3.md"])],
                    answer.text, answer.abstained, [(c.source, c.quote) for c in answer.citations],
                ])  # fmt: skip
    except RagedgeError as exc:
        return {"said": f"{type(exc).__name__}: {exc.message}", "hint": exc.hint, "answers": None}
    return {"said": "; ".join(heard.said), "hint": "", "answers": json.loads(json.dumps(answers))}


def _trusted(scratch: Path) -> list[Any]:
    return [signing.read_public(scratch / "maker.key.pub")]


def _installed(bundle: Path, device: Path, scratch: Path) -> dict[str, Any]:
    """Install a bundle; return what ragedge said, and what the device answers then."""
    said, hint = "", ""
    try:
        slots.install(bundle, device, _trusted(scratch))
    except RagedgeError as exc:
        said, hint = f"{type(exc).__name__}: {exc.message}", exc.hint
    got = _device(device)
    return {"said": got["said"] or said, "hint": got["hint"] or hint, "answers": got["answers"]}


def _device(folder: Path) -> dict[str, Any]:
    """Return what an installed bundle answers and remembers of releases, or what ragedge said of the damage."""
    try:
        state = read_state(folder)
        assert state is not None
        with ragedge.open(folder) as kb:
            hits = [(hit.text, round(hit.score, 6)) for hit in kb.search("valve of the unit")]
            answer = kb.ask("What torque does the drain plug take?")
            answers = [state.name, state.highest, hits, answer.text, answer.abstained]
    except RagedgeError as exc:
        return {"said": f"{type(exc).__name__}: {exc.message}", "hint": exc.hint, "answers": None}
    return {"said": "", "hint": "", "answers": json.loads(json.dumps(answers))}


def _talk(path: Path, key: bytes | None, manuals: Path) -> dict[str, Any]:
    """Ask a first question in a session, so that what the model read for it is kept."""
    with ragedge.open(path, key=key, create=True, settings=TALKING) as kb:
        kb._parts._embedder = HashEmbedder()
        kb.ingest(manuals)
        kb.ask(QUESTIONS[1], session="talk", max_new_tokens=8)
    return {"said": "", "hint": "", "answers": None}


def _resumed(path: Path, key: bytes | None) -> dict[str, Any]:
    """Ask what leans on a session; return the answer, or what ragedge said of the damage."""
    try:
        with ragedge.open(path, key=key, settings=TALKING) as kb:
            kb._parts._embedder = HashEmbedder()
            answer = kb.ask("And those of unit 3?", session="talk", max_new_tokens=8)
            turns = [(turn.asked, turn.whole, turn.answer) for turn in kb.conversations.turns("talk")]
    except RagedgeError as exc:
        return {"said": f"{type(exc).__name__}: {exc.message}", "hint": exc.hint, "answers": None}
    said = "; ".join(answer.degraded)
    return {"said": said, "hint": "", "answers": json.loads(json.dumps([answer.text, turns]))}


def _loaded(home: Path, kind: str) -> dict[str, Any]:
    """Return what a model computes, or what ragedge said of the damage."""
    os.environ["RAGEDGE_HOME"] = str(home)
    try:
        if kind == "embedder":
            embedder = plugins.create("embedder", "onnx", {"model": "minilm-l6"})
            got: Any = [embedder.fingerprint, embedder.embed_query(QUESTIONS[0]).tolist()]
        else:
            generator = plugins.create("generator", "onnx", {"model": "smollm2-135m", "context_window": 256})
            from ragedge.datatypes import GenerationOptions, Message

            messages = [Message("user", QUESTIONS[0])]
            got = ["".join(generator.generate(messages, GenerationOptions(max_new_tokens=4)))]
    except RagedgeError as exc:
        return {"said": f"{type(exc).__name__}: {exc.message}", "hint": exc.hint, "answers": None}
    return {"said": "", "hint": "", "answers": got}


def _in_child(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run a function in a process of its own, which may die."""
    # Not a fork: this process may have threads, and what they held at that moment stays held in the child.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, function, *arguments))
    process.start()
    theirs.close()
    try:
        got: dict[str, Any] = ours.recv()
    except EOFError:
        got = {}
    process.join()
    return got or {"crash": f"ended with {process.exitcode}"}


def _work(answer: Connection, function: Callable[..., dict[str, Any]], *arguments: Any) -> None:
    try:
        answer.send(function(*arguments))
    except BaseException as exc:
        answer.send({"crash": f"{type(exc).__name__}: {exc}"})


if __name__ == "__main__":
    sys.exit(main())

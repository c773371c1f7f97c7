"""Measures a generator context by context, each in a process of its own, beside what was planned for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from ragedge.errors import ConfigError, ModelError
from ragedge.measure.bench.machine import Hold, describe
from ragedge.measure.bench.memory import MemoryPlan, plan, resident_bytes
from ragedge.models import store
from ragedge.models.progress import Progress, silent
from ragedge.models.store import ModelFolder
from ragedge.runtime.decoder import CHUNK_TOKENS
from ragedge.runtime.threads import thread_count

DEFAULT_PROMPTS = (128, 400)  # a short question with a passage; all that a prompt is allowed by default
_WORKER = "ragedge.measure.bench.worker"
_PERIOD_S = 0.02  # of stopping and going on, for a lower speed
_WATCH_S = 0.01


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure.

    Attributes:
        model: An installed generator.
        backend: Where it runs.
        backend_options: What the backend is told.
        threads: Threads inside one operator; 0 takes what ``runtime.threads`` gives.
        contexts: Tokens of KV cache; one process for each.
        prompts: Tokens read; those that do not fit a context are left out of it.
        fill: Also read as much as a context holds.
        new_tokens: Written after each prompt, at least 2.
        rounds: Of each prompt.
        minutes: Of sustained load, on the shortest prompt of the first context; 0 for none.
        hold: A smaller device to pretend to be.
    """

    model: str
    backend: str = "cpu"
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 0
    contexts: Sequence[int] = (1024,)
    prompts: Sequence[int] = DEFAULT_PROMPTS
    fill: bool = True
    new_tokens: int = 32
    rounds: int = 3
    minutes: float = 0.0
    hold: Hold = field(default_factory=Hold)


def bench(asked: Asked, progress: Progress = silent) -> dict[str, Any]:
    """Measure, and return what ``ragedge bench --json`` prints but for the limits.

    Raises:
        ConfigError: the model writes nothing, a context is too short or too long, or a limit cannot be held here.
        ModelNotFoundError: it is not installed, or not compiled for the backend.
        ModelError: it did not load or run; held to less memory, that it does not fit.
    """
    folder = store.find(asked.model)
    asked.hold.check()
    contexts = _contexts(folder, asked)
    threads = min(thread_count(asked.threads), asked.hold.cores or 1 << 16)
    rows: list[dict[str, Any]] = []
    load_ms, sustained = None, None
    for place, context in enumerate(contexts):
        prompts = prompts_for(context, asked)
        progress(f"context {context}", place, len(contexts))
        spec = {
            "model": asked.model, "backend": asked.backend, "backend_options": dict(asked.backend_options),
            "threads": threads, "context": context, "prompts": prompts, "new_tokens": asked.new_tokens,
            "rounds": asked.rounds, "hold": asdict(asked.hold), "minutes": asked.minutes if place == 0 else 0,
        }  # fmt: skip
        loaded: dict[str, Any] = {}
        for message in _answers(spec, asked.hold):
            if "loaded" in message:
                loaded = message["loaded"]
                load_ms = load_ms or loaded["load_ms"]
            elif "row" in message:
                rows.append(_row(folder, context, message["row"], loaded))
                progress(f"context {context}, {len(rows)} measured", place, len(contexts))
            else:
                sustained = message["sustained"]
    return {
        "schema": 1,
        "machine": describe(asked.hold, threads),
        "model": asked.model,
        "quantization": folder.manifest.quantization,
        "backend": asked.backend,
        "load_ms": load_ms,
        "rows": rows,
        "sustained": sustained,
    }


def prompts_for(context: int, asked: Asked) -> list[int]:
    """Return the prompts that fit a context with what is written after them, the fullest one included."""
    most = context - asked.new_tokens
    return sorted({one for one in asked.prompts if one <= most} | ({most} if asked.fill else set()))


def _contexts(folder: ModelFolder, asked: Asked) -> list[int]:
    facts = folder.manifest.decoder
    if facts is None:
        raise ConfigError(
            f"{asked.model} is an {folder.manifest.kind}: bench measures generators",
            hint="ragedge models list",
        )
    if asked.new_tokens < 2 or asked.rounds < 1:
        raise ConfigError("bench wants at least 2 new tokens and 1 round", hint="--new-tokens 32 --rounds 3")
    for context in asked.contexts:
        if not asked.new_tokens + 2 <= context <= facts.context_length or not prompts_for(context, asked):
            raise ConfigError(
                f"a context of {context} does not hold a prompt and {asked.new_tokens} new tokens, or is longer "
                f"than the {facts.context_length} that {asked.model} takes",
                hint=f"--context {min(1024, facts.context_length)}",
            )
    return sorted(set(asked.contexts))


def _row(folder: ModelFolder, context: int, row: dict[str, Any], loaded: Mapping[str, Any]) -> dict[str, Any]:
    """Put what was planned beside what was measured."""
    peak = row.pop("peak")
    planned: MemoryPlan | None = None
    if loaded["loaded"] is not None and loaded["load_peak"] is not None:
        planned = plan(
            folder,
            tokens=row["prompt_tokens"] + row["new_tokens"],
            chunk=CHUNK_TOKENS,
            loaded=loaded["loaded"],
            load_peak=loaded["load_peak"],
        )
    return {
        "context": context,
        **row,
        "load_ms": loaded["load_ms"],
        "rss_mb": None if peak is None else round(peak / 1e6, 1),
        "planned_mb": None if planned is None else round(planned.total / 1e6, 1),
        "plan": None if planned is None else planned.as_dict(),
    }


def _answers(spec: Mapping[str, Any], hold: Hold) -> Iterator[dict[str, Any]]:
    """Run a worker and hand out what it sends.

    Raises:
        ModelError: it failed, or died.
    """
    # -P keeps the current folder off the path.
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(  # noqa: S603 -- our own module
        [sys.executable, "-P", "-m", _WORKER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8",
        env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(spec))
        process.stdin.close()
        with _slowed(process, hold.speed), _watched(process, hold.memory_mb) as outgrown:
            for line in process.stdout:
                message = json.loads(line)
                if "failure" in message:
                    failure = message["failure"]
                    raise ModelError(failure["message"], hint=failure["hint"] or "ragedge models verify")
                yield message
            status = process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if outgrown.is_set():
        raise ModelError(
            f"a context of {spec['context']} does not fit {hold.memory_mb} MB",
            hint="a smaller model or context, or more --memory-mb",
        )
    if status:
        what = f"signal {-status}" if status < 0 else f"exit code {status}"
        raise ModelError(f"the process that was measured ended with {what}", hint="ragedge models verify")


@contextmanager
def _watched(process: subprocess.Popen[str], memory_mb: int | None) -> Iterator[threading.Event]:
    """End a process that outgrows its memory; the event says so."""
    over, outgrown = threading.Event(), threading.Event()

    def watch() -> None:
        while memory_mb is not None and not over.wait(_WATCH_S):
            if (resident_bytes(process.pid) or 0) > memory_mb * 1_000_000:
                outgrown.set()
                process.kill()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield outgrown
    finally:
        over.set()
        watcher.join()


@contextmanager
def _slowed(process: subprocess.Popen[str], speed: float) -> Iterator[None]:
    """Let a process run for a share of the time only, in turns too short to be seen."""
    if speed == 1:
        yield
        return
    over = threading.Event()

    def take_turns() -> None:
        while not over.wait(_PERIOD_S * speed):
            process.send_signal(signal.SIGSTOP)
            over.wait(_PERIOD_S * (1 - speed))
            process.send_signal(signal.SIGCONT)

    turns = threading.Thread(target=take_turns, daemon=True)
    turns.start()
    try:
        yield
    finally:
        over.set()
        turns.join()
        process.send_signal(signal.SIGCONT)

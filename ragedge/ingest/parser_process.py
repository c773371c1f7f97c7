"""Reads files in a worker process with limits on time and memory, watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ragedge import errors
from ragedge.datatypes import Chunk, Document
from ragedge.errors import PluginError, RagedgeError, SourceError
from ragedge.ingest import wire

if TYPE_CHECKING:
    from ragedge.config import IngestConfig

_POLL_S = 0.05
_START_S = 60.0  # a cold start from a slow card; warm it takes a fifth of a second


@dataclass(frozen=True, slots=True)
class CounterSpec:
    """How the worker builds its token counter: ``module:factory``, called with the options."""

    factory: str = "ragedge.embed.token_counter:create"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A file as it was read and cut."""

    document: Document
    chunks: list[Chunk]


class Parser:
    """Parses files one at a time; use as a context manager, or ``close`` it. Threads may share it.

    Args:
        config: The ingest settings; names the plugins and the limits.
        counter: How to count tokens as the embedder does.
        embedder: How to build the embedder itself, for a chunker that needs it; without it, ``counter`` builds one.
        embedder_max_tokens: The embedder's own limit; chunks never pass it.
    """

    def __init__(
        self,
        config: IngestConfig,
        counter: CounterSpec,
        *,
        embedder: CounterSpec | None = None,
        embedder_max_tokens: int | None = None,
    ) -> None:
        embedder = embedder or counter
        self._timeout_s, self._memory_bytes = config.timeout_s, config.memory_mb << 20
        self._max_bytes = config.max_file_mb << 20
        self._settings = wire.dump(
            {
                "loaders": config.active_loaders(),
                "preprocessors": list(config.preprocessors),
                "chunker": config.chunker,
                "chunker_options": {
                    "max_tokens": min(config.chunk_tokens, embedder_max_tokens or config.chunk_tokens),
                    "overlap_tokens": config.overlap_tokens,
                },
                "counter": counter.factory,
                "counter_options": dict(counter.options),
                "embedder": embedder.factory,
                "embedder_options": dict(embedder.options),
            }
        )
        self._lock = threading.Lock()
        self._worker: _WorkerProcess | None = None

    def __enter__(self) -> Parser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the worker."""
        worker = self._worker
        if worker is not None:
            worker.kill()  # also ends a parse that is under way in another thread
        with self._lock:
            if self._worker is not None:
                self._worker.kill()
                self._worker = None

    def parse(self, source: str, data: bytes) -> ParsedDocument:
        """Read a file's bytes and cut them into chunks.

        Raises:
            SourceError: the file cannot be read; ``code`` says why.
            PluginError: a plugin that the configuration names is missing or broken.
        """
        if len(data) > self._max_bytes:
            raise SourceError(
                "too_large", f"{source} has {len(data) >> 20} MB; at most {self._max_bytes >> 20} are read",
                hint="raise ingest.max_file_mb",
            )  # fmt: skip
        with self._lock:
            reply = self._ask(source, data)
        if "error" in reply:
            problem = reply["error"]
            raise SourceError(problem["code"], problem["message"], hint=problem["hint"])
        if "failure" in reply:
            raise _failure(reply["failure"])
        document = wire.document_from_json(reply["document"])
        return ParsedDocument(document, wire.chunks_from_json(reply["chunks"], document))

    def _ask(self, source: str, data: bytes) -> dict[str, Any]:
        worker = self._worker
        if worker is None or not worker.alive:
            worker = self._worker = _WorkerProcess(self._settings)
        head = wire.dump({"source": source, "timeout_s": self._timeout_s})
        reply, why = worker.exchange(head, data, self._timeout_s, self._memory_bytes)
        # What a big file left behind must not count against the next one.
        if reply is None or worker.resident_bytes() > self._memory_bytes // 2:
            worker.kill()
            self._worker = None
        if reply is None:
            raise _lost(source, why, self._timeout_s, self._memory_bytes >> 20)
        message: dict[str, Any] = json.loads(reply)
        return message


def _lost(source: str, why: str, timeout_s: float, memory_mb: int) -> SourceError:
    if why == "timeout":
        return SourceError(
            "timeout", f"{source} took over {timeout_s:g} s to read", hint="raise ingest.timeout_s"
        )
    if why == "memory":
        return SourceError(
            "memory", f"{source} took over {memory_mb} MB to read", hint="raise ingest.memory_mb"
        )
    return SourceError(
        "damaged", f"{source} ended the parser process ({why})", hint="save it again from its original"
    )


def _failure(problem: dict[str, str]) -> RagedgeError:
    kind = getattr(errors, problem["type"], PluginError)
    if kind not in (errors.ConfigError, errors.PluginError):
        kind = PluginError  # classes with other arguments keep their message
    raised: RagedgeError = kind(problem["message"], hint=problem["hint"])
    return raised


class _WorkerProcess:
    """One running ``parser_worker`` and the pipes to it."""

    def __init__(self, settings: bytes) -> None:
        # -P keeps the current folder off the path: code that lies beside a manual must not run.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "ragedge.ingest.parser_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        reply, why = self._watched(_START_S, 1 << 40, settings)
        if reply is None:
            self.kill()
            raise PluginError(f"the parser process did not start ({why})", hint="run ragedge doctor")
        message = json.loads(reply)
        if "failure" in message:
            self.kill()
            raise _failure(message["failure"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):  # what could not be flushed to a dead process is of no use
                stream.close()

    def exchange(
        self, head: bytes, data: bytes, timeout_s: float, memory_bytes: int
    ) -> tuple[bytes | None, str]:
        """Send one file and wait for the answer; None and the reason where there is none."""
        return self._watched(timeout_s, memory_bytes, head, data)

    def resident_bytes(self) -> int:
        """Return the worker's resident memory; 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self._process.pid}/statm").read_bytes().split()
            return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError, AttributeError):
            return 0

    def _watched(self, timeout_s: float, memory_bytes: int, *frames: bytes) -> tuple[bytes | None, str]:
        """Exchange frames for one reply while a thread watches the clock and the memory."""
        done, why = threading.Event(), ""

        def watch() -> None:
            nonlocal why
            deadline = time.monotonic() + timeout_s
            while not done.wait(_POLL_S):
                if time.monotonic() > deadline:
                    why = "timeout"
                elif self.resident_bytes() > memory_bytes:
                    why = "memory"
                if why:
                    self._process.kill()
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        reply = None
        try:
            assert self._process.stdin is not None and self._process.stdout is not None
            for frame in frames:
                wire.send(self._process.stdin, frame)
            reply = wire.receive(self._process.stdout)
        except (OSError, ValueError):  # the pipe broke, or was closed from another thread
            pass
        finally:
            done.set()
            watcher.join()
        if reply is None and not why:
            try:
                code = self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                code = 0
            why = f"signal {-code}" if code < 0 else f"exit code {code}"
        return reply, why

"""A process that is sent work by pipe, with limits on time and memory that are watched from outside."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from ragedge import errors
from ragedge.errors import PluginError, RagedgeError
from ragedge.ingest import wire

_POLL_S = 0.05
_START_S = 60.0  # a cold start from a slow card; warm it takes a fifth of a second


def failure(problem: dict[str, str]) -> RagedgeError:
    """Return the error that a worker answered with."""
    kind = getattr(errors, problem["type"], PluginError)
    if kind not in (errors.ConfigError, errors.PluginError):
        kind = PluginError  # classes with other arguments keep their message
    raised: RagedgeError = kind(problem["message"], hint=problem["hint"])
    return raised


class WorkerProcess:
    """One running worker and the pipes to it.

    Args:
        module: What it runs; it calls ``worker_loop.serve``.
        settings: The first frame it is sent.
    """

    def __init__(self, module: str, settings: bytes) -> None:
        # -P keeps the current folder off the path: code that lies beside a manual must not run.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603 -- our own module
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        reply, why = self._watched(_START_S, 1 << 40, settings)
        if reply is None:
            self.kill()
            raise PluginError(f"{module} did not start ({why})", hint="run ragedge doctor")
        message = json.loads(reply)
        if "failure" in message:
            self.kill()
            raise failure(message["failure"])

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it, whatever it is at."""
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

"""What every worker process does around its work: frames in, frames out, an end with its parent."""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ragedge.errors import RagedgeError
from ragedge.ingest import wire
from ragedge.privacy.egress import arm_process

Answer = Callable[[Mapping[str, Any], bytes], dict[str, Any]]

_GRACE_S = 2.0  # the parent ends it in time; this is for want of a parent
_RECURSION_LIMIT = 3000  # deep enough for sane files; a C stack of 8 MB holds it many times over


def serve(build: Callable[[Mapping[str, Any]], Answer]) -> None:
    """Build from the first frame, then answer pairs of frames until standard input ends.

    Args:
        build: Given the settings, returns what answers a request (a mapping with ``timeout_s``) and its bytes.
    """
    requests = sys.stdin.buffer
    # Native code and stray prints must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    logging.disable(logging.CRITICAL)
    arm_process()  # whatever a plugin would fetch, reading a file needs no network
    _end_with_parent()
    first = wire.receive(requests)
    if first is None:
        return
    try:
        answer = build(json.loads(first))
    except RagedgeError as exc:
        wire.send(answers, wire.dump({"failure": failed(exc)}))
        return
    except Exception as exc:
        message = f"a worker process could not start: {type(exc).__name__} in {last_frame(exc)}"
        wire.send(answers, wire.dump({"failure": {"type": "PluginError", "message": message, "hint": ""}}))
        return
    wire.send(answers, wire.dump({"ready": True}))
    while (head := wire.receive(requests)) is not None:
        data = wire.receive(requests)
        if data is None:
            return
        request = json.loads(head)
        # Native code that hangs with the interpreter's lock stops all threads but this timer's.
        faulthandler.dump_traceback_later(request["timeout_s"] + _GRACE_S, exit=True)
        result = answer(request, data)
        faulthandler.cancel_dump_traceback_later()
        del data
        wire.send(answers, wire.dump(result))


def failed(exc: RagedgeError) -> dict[str, str]:
    """Return what an answer's ``failure`` holds: an error that is no fault of the file."""
    return {"type": type(exc).__name__, "message": exc.message, "hint": exc.hint}


def last_frame(exc: BaseException) -> str:
    """Return where an exception was raised: all of it that may be told."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"


def _end_with_parent() -> None:
    """End this process when its parent is gone, also in the middle of a file.

    A thread that asks, not the kernel's parent-death signal: that one comes when the thread that started this
    process ends, and threads share a parser.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()

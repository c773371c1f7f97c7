"""The worker that reads one file at a time for ``Parser``: bytes in by pipe, document and chunks out by pipe.

It is told at start which plugins to use and imports those alone. Whatever a file does to it (a hang, a
crash, a memory bomb) ends this process and that file only; ``Parser`` watches it from outside.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any, cast

from ragedge.errors import PluginError, RagedgeError, SourceError
from ragedge.ingest import contents, detect, preprocess, wire
from ragedge.protocols import Chunker, Loader, Preprocessor, Recognizer, TokenCounter

_GRACE_S = 2.0  # the parent ends it in time; this is for want of a parent
_RECURSION_LIMIT = 3000  # deep enough for sane files; a C stack of 8 MB holds it many times over


class Worker:
    """Parses files with plugins that are loaded at first use.

    Args:
        settings: ``loaders`` (media type to plugin), ``preprocessors``, ``chunker``, ``chunker_options``,
            ``counter`` (``module:factory``) and ``counter_options``, and the same for ``embedder``.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._loaders: dict[str, Loader] = {}
        self._recognizers = self._load_recognizers()
        self._chunker: Chunker = _plugin("chunker", settings["chunker"], settings["chunker_options"])
        counter = "embedder" if getattr(self._chunker, "needs_embedder", False) else "counter"
        self._counter: TokenCounter = _resolve(settings[counter])(settings[f"{counter}_options"])
        self._preprocessors: list[Preprocessor] = [
            _plugin("preprocessor", name, {}) for name in settings["preprocessors"]
        ]

    def parse(self, source: str, data: bytes) -> dict[str, Any]:
        """Read one file and cut it.

        Raises:
            SourceError: it cannot be read.
            PluginError: a plugin of the configuration is missing or broken.
        """
        media_type = detect.media_type(data, source, self._recognizers)
        name = self._settings["loaders"].get(media_type)
        if name is None:
            raise SourceError(
                "unsupported", f"{source} is {media_type}, for which no loader is set",
                hint="set one under ingest.loaders",
            )  # fmt: skip
        document = preprocess.apply(self._loader(name).load(data, source), self._preprocessors)
        chunks = contents.mark(document, self._chunker.chunk(document, self._counter))
        return {"document": wire.document_as_json(document), "chunks": wire.chunks_as_json(chunks)}

    def _loader(self, name: str) -> Loader:
        if name not in self._loaders:
            self._loaders[name] = _plugin("loader", name, {})
        return self._loaders[name]

    def _load_recognizers(self) -> list[Recognizer]:
        """Load the plugins of the types that ``detect`` does not know: nobody else can tell their files."""
        found: list[Recognizer] = []
        for media_type, name in self._settings["loaders"].items():
            if media_type in detect.MEDIA_TYPES:
                continue
            loader = self._loader(name)
            if not callable(getattr(loader, "recognize", None)):
                raise PluginError(
                    f"loader {name!r} cannot tell {media_type} files by their content: it has no 'recognize'",
                    hint="take the type out of ingest.loaders, or write recognize (docs/writing_a_plugin.md)",
                )
            found.append(cast("Recognizer", loader))
        return found


def _resolve(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _plugin(kind: Any, name: str, options: Mapping[str, Any]) -> Any:
    from ragedge import plugins

    return plugins.create(kind, name, options)


def answer(worker: Worker, source: str, data: bytes) -> dict[str, Any]:
    """Parse one file; what went wrong becomes part of the answer, without any of the file's text."""
    try:
        return worker.parse(source, data)
    except SourceError as exc:
        return {"error": {"code": exc.code, "message": exc.message, "hint": exc.hint}}
    except RagedgeError as exc:
        return {"failure": {"type": type(exc).__name__, "message": exc.message, "hint": exc.hint}}
    except MemoryError:
        return {
            "error": {"code": "memory", "message": f"{source} needs more memory than there is", "hint": ""}
        }
    except RecursionError:
        return {"error": {"code": "damaged", "message": f"{source} is nested too deeply", "hint": ""}}
    except (
        Exception
    ) as exc:  # a parser's bug over a broken file costs that file only; its text may quote the file
        where = _last_frame(exc)
        return {
            "error": {
                "code": "damaged",
                "message": f"{source} could not be read: {type(exc).__name__} in {where}",
                "hint": "",
            }
        }


def _last_frame(exc: BaseException) -> str:
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


def main() -> None:
    """Serve files until standard input ends."""
    requests = sys.stdin.buffer
    # Native code and stray prints must not get between the frames.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.setrecursionlimit(_RECURSION_LIMIT)
    logging.disable(logging.CRITICAL)
    _end_with_parent()
    first = wire.receive(requests)
    if first is None:
        return
    try:
        worker = Worker(json.loads(first))
    except RagedgeError as exc:
        wire.send(
            answers,
            wire.dump({"failure": {"type": type(exc).__name__, "message": exc.message, "hint": exc.hint}}),
        )
        return
    except Exception as exc:
        message = f"the parser process could not start: {type(exc).__name__} in {_last_frame(exc)}"
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
        result = answer(worker, request["source"], data)
        faulthandler.cancel_dump_traceback_later()
        del data
        wire.send(answers, wire.dump(result))


if __name__ == "__main__":
    main()

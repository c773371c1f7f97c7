"""The worker that reads one file at a time for ``Parser``: bytes in by pipe, document and chunks out by pipe.

It is told at start which plugins to use and imports those alone. Whatever a file does to it (a hang, a
crash, a memory bomb) ends this process and that file only; ``Parser`` watches it from outside.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any, cast

from ragedge.datatypes import Document, OcrLine
from ragedge.errors import PluginError, RagedgeError, SourceError
from ragedge.ingest import contents, detect, ocr_page, planted, preprocess, wire
from ragedge.ingest.hidden_text import visible_document
from ragedge.ingest.redact import redact
from ragedge.ingest.worker_loop import failed, last_frame, serve
from ragedge.privacy.redaction.configured import from_worker_settings
from ragedge.privacy.redaction.replacing import Redacted
from ragedge.protocols import Chunker, Loader, Preprocessor, Recognizer, TokenCounter


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
        document = self._loader(name).load(data, source)
        wanted = ocr_page.wanted(document, figures=self._settings["ocr_figures"])
        if self._settings["ocr"] and wanted:
            return {"document": wire.document_as_json(document), "wanted": wanted}
        return self._cut(document)

    def complete(
        self, source: str, document: Mapping[str, Any], lines: Mapping[str, list[Any] | None]
    ) -> dict[str, Any]:
        """Cut a document that ``parse`` handed out for OCR, with the lines that were read on its pages.

        Args:
            source: Its name.
            document: As it was handed out.
            lines: For an index of a page, each line as a list; None where that page could not be read.
        """
        read = {
            int(index): None if found is None else [OcrLine(*line) for line in found]
            for index, found in lines.items()
        }
        return self._cut(ocr_page.fill(wire.document_from_json(dict(document)), read))

    def _cut(self, document: Document) -> dict[str, Any]:
        document = preprocess.apply(document, self._preprocessors)
        taken: list[Redacted] = []
        redaction = from_worker_settings(self._settings)
        if redaction is not None:
            document = redact(document, redaction)
            taken = redaction.taken
        seen = visible_document(document)
        if not any(page.text for page in seen.pages):
            why = "OCR read nothing on them" if self._settings["ocr"] else ocr_page.NO_OCR
            if any(page.text for page in document.pages):
                why = "what it holds cannot be seen by who looks at them"
            raise SourceError(
                "no_text", f"{document.source} has no text on any of its {len(document.pages)} pages; {why}"
            )
        chunks = contents.mark(seen, self._chunker.chunk(seen, self._counter))
        chunks = planted.mark(ocr_page.mark(seen, chunks))
        return {
            "document": wire.document_as_json(document),
            "chunks": wire.chunks_as_json(chunks),
            "redacted": [astuple(one) for one in taken],
        }

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


def answer(worker: Worker, request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    """Parse one file; what went wrong becomes part of the answer, without any of the file's text."""
    source = request["source"]
    try:
        if "lines" in request:
            return worker.complete(source, json.loads(data), request["lines"])
        return worker.parse(source, data)
    except SourceError as exc:
        return {"error": {"code": exc.code, "message": exc.message, "hint": exc.hint}}
    except RagedgeError as exc:
        return {"failure": failed(exc)}
    except MemoryError:
        return {
            "error": {"code": "memory", "message": f"{source} needs more memory than there is", "hint": ""}
        }
    except RecursionError:
        return {"error": {"code": "damaged", "message": f"{source} is nested too deeply", "hint": ""}}
    except (
        Exception
    ) as exc:  # a parser's bug over a broken file costs that file only; its text may quote the file
        where = last_frame(exc)
        return {
            "error": {
                "code": "damaged",
                "message": f"{source} could not be read: {type(exc).__name__} in {where}",
                "hint": "",
            }
        }


def main() -> None:
    """Serve files until standard input ends."""

    def build(settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any], bytes], dict[str, Any]]:
        worker = Worker(settings)
        return lambda request, data: answer(worker, request, data)

    serve(build)


if __name__ == "__main__":
    main()

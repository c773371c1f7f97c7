"""The worker that reads pictures of pages for ``OcrProcess``, by the OCR plugin that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

from ragedge.errors import RagedgeError, SourceError
from ragedge.ingest.worker_loop import failed, last_frame, serve
from ragedge.protocols import Ocr


def main() -> None:
    """Serve pages until standard input ends."""
    serve(build)


def build(settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any], bytes], dict[str, Any]]:
    """Load the plugin; return what answers a request.

    A request with bytes names a new file and reads nothing; one without reads ``page`` of that file.
    """
    from ragedge import plugins

    ocr: Ocr = plugins.create("ocr", settings["ocr"], {})
    file = b""

    def answer(request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
        nonlocal file
        if data:
            file = data
            return {"lines": []}
        try:
            found = ocr.read(file, request["page"], request["figures"])
            return {"lines": [astuple(line) for line in found]}
        except SourceError as exc:
            return {"unread": exc.message}
        except RagedgeError as exc:  # no fault of the page, such as a refused connection
            return {"failure": failed(exc)}
        except Exception as exc:  # a page that the engine stumbles over costs itself only
            return {"unread": f"{type(exc).__name__} in {last_frame(exc)}"}

    return answer


if __name__ == "__main__":
    main()

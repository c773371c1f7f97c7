"""The worker that draws pages for ``PageRenderer``: native code that reads strangers' files stays out of a server."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from ragedge.errors import RagedgeError, SourceError
from ragedge.ingest.render import PdfPictures
from ragedge.ingest.worker_loop import failed, last_frame, serve


def main() -> None:
    """Serve pages until standard input ends."""
    serve(build)


def build(_settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any], bytes], dict[str, Any]]:
    """Return what answers a request.

    A request with bytes names a new file. ``task`` is ``picture``, or ``places`` of quotes.
    """
    pictures: PdfPictures | None = None

    def answer(request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
        nonlocal pictures
        try:
            if data:
                pictures = None
                pictures = PdfPictures(data, request["source"])
            if pictures is None:
                raise SourceError("damaged", f"{request['source']} cannot be opened for drawing")
            return _done(pictures, request)
        except SourceError as exc:
            return {"refused": exc.message}
        except RagedgeError as exc:
            return {"failure": failed(exc)}
        except Exception as exc:  # a page that PDFium stumbles over costs itself only
            return {"refused": f"{type(exc).__name__} in {last_frame(exc)}"}

    return answer


def _done(pictures: PdfPictures, request: Mapping[str, Any]) -> dict[str, Any]:
    index = request["page"]
    if request["task"] == "picture":
        picture = pictures.picture(index, request["width"])
        return {"picture": base64.b64encode(picture.data).decode("ascii"), "media_type": picture.media_type}
    boxes = pictures.quote_boxes(index, request["text"], request["quotes"])
    return {"size": pictures.size(index), "boxes": boxes}


if __name__ == "__main__":
    main()

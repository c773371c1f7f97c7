"""Draws the pages of a PDF as pictures, to look at beside what was read; finds quotes on them (extra ``render``)."""

from __future__ import annotations

import base64
import ctypes
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragedge.errors import SourceError
from ragedge.extras import require
from ragedge.ingest.quote_places import Box, place_quote

WIDTH = 1000  # pixels; sharp at half of a wide screen
_TALLEST = 4  # times its width: a page of any shape stays a picture of some megabytes
_QUALITY = 72  # of WebP
_FEW_COLORS = 4096
_PALETTE, _OCTREE = 32, 2
_FINE = 100_000  # PDFium's device coordinates are whole numbers
_MOST_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as a picture: PNG where it has few colours, else WebP."""

    data: bytes
    media_type: str


class PdfPictures:
    """The pages of one PDF, drawn one at a time; PDFium allows no second thread.

    Args:
        data: The whole file.
        source: Quoted in errors.

    Raises:
        MissingExtraError: the extra is not installed.
        SourceError: PDFium cannot open the file.
    """

    def __init__(self, data: bytes, source: str) -> None:
        require("render", "PIL", "pypdfium2")
        import pypdfium2

        self._source = source
        try:
            self._document: Any = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as exc:
            raise SourceError("damaged", f"{source} cannot be opened for drawing") from exc

    def __len__(self) -> int:
        return len(self._document)

    def picture(self, index: int, width: int = WIDTH) -> Picture:
        """Draw a page.

        Args:
            index: From 0.
            width: In pixels; a very tall page gets fewer.

        Raises:
            SourceError: the page cannot be drawn.
        """
        try:
            page = self._document[index]
            page_width, height = page.get_size()
            scale = min(width / max(page_width, 1.0), _TALLEST * width / max(height, 1.0))
            picture = page.render(scale=scale).to_pil().convert("RGB")
        except Exception as exc:  # PDFium's errors, and bitmaps of a size that cannot be
            raise self._cannot("drawn", index) from exc
        out = io.BytesIO()
        if picture.getcolors(_FEW_COLORS):  # print and line art: a palette is smaller and stays sharp
            picture.quantize(_PALETTE, method=_OCTREE).save(out, "PNG")
            return Picture(out.getvalue(), "image/png")
        picture.save(out, "WEBP", quality=_QUALITY, method=0)
        return Picture(out.getvalue(), "image/webp")

    def data_uri(self, index: int) -> str:
        """Return a page's picture as an address that holds it; see ``picture``."""
        picture = self.picture(index)
        return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"

    def size(self, index: int) -> tuple[float, float]:
        """Return a page's width and height as it is shown, in points.

        Raises:
            SourceError: there is no such page, or it is damaged.
        """
        try:
            width, height = self._document[index].get_size()
        except Exception as exc:
            raise self._cannot("drawn", index) from exc
        return float(width), float(height)

    def quote_boxes(self, index: int, text: str, quotes: Sequence[tuple[int, int]]) -> list[list[Box]]:
        """Return where each quote stands on a page; empty where it cannot be found, as on a scanned page.

        Args:
            index: Of the page, from 0.
            text: The page as it was read.
            quotes: Where each begins in it, and one past its last character.

        Raises:
            SourceError: the page is damaged.
        """
        try:
            letters, boxes = _characters(self._document[index])
        except Exception as exc:
            raise self._cannot("searched", index) from exc
        return [place_quote(letters, boxes, text, start, end) for start, end in quotes]

    def _cannot(self, verb: str, index: int) -> SourceError:
        return SourceError("damaged", f"page {index + 1} of {self._source} cannot be {verb}")


def _characters(page: Any) -> tuple[list[str], list[Box]]:
    """Return what stands on a page, with its places as they are shown: turned and cropped as the page is."""
    import pypdfium2.raw as pdfium

    text = page.get_textpage()
    x, y = ctypes.c_int(), ctypes.c_int()

    def shown(left: float, top: float) -> tuple[float, float]:
        pdfium.FPDF_PageToDevice(page.raw, 0, 0, _FINE, _FINE, 0, left, top, ctypes.byref(x), ctypes.byref(y))
        return x.value / _FINE, y.value / _FINE

    letters: list[str] = []
    boxes: list[Box] = []
    try:
        for place in range(min(text.count_chars(), _MOST_CHARACTERS)):
            code = pdfium.FPDFText_GetUnicode(text.raw, place)
            left, bottom, right, top = text.get_charbox(place, loose=True)
            (x1, y1), (x2, y2) = shown(left, top), shown(right, bottom)
            letters.append(chr(code) if code and not 0xD800 <= code < 0xE000 else " ")
            boxes.append(Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    finally:
        text.close()
    return letters, boxes

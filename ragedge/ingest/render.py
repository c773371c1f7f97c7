"""Draws the pages of a PDF as pictures, to look at beside what was read (the extra ``render``)."""

from __future__ import annotations

import base64
import io
from typing import Any

from ragedge.errors import SourceError
from ragedge.extras import require

_WIDTH = 1000  # pixels; sharp at half of a wide screen
_TALLEST = 4000  # a page of any shape stays a picture of some megabytes
_QUALITY = 72  # of WebP
_FEW_COLORS = 4096
_PALETTE, _OCTREE = 32, 2


class PdfPictures:
    """The pages of one PDF, drawn one at a time.

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

    def data_uri(self, index: int) -> str:
        """Return a page's picture as an address that holds it.

        Args:
            index: From 0.

        Raises:
            SourceError: the page cannot be drawn.
        """
        try:
            page = self._document[index]
            width, height = page.get_size()
            scale = min(_WIDTH / max(width, 1.0), _TALLEST / max(height, 1.0))
            picture = page.render(scale=scale).to_pil().convert("RGB")
        except Exception as exc:  # PDFium's errors, and bitmaps of a size that cannot be
            raise SourceError("damaged", f"page {index + 1} of {self._source} cannot be drawn") from exc
        out = io.BytesIO()
        if picture.getcolors(_FEW_COLORS):  # print and line art: a palette is smaller and stays sharp
            picture.quantize(_PALETTE, method=_OCTREE).save(out, "PNG")
            kind = "png"
        else:
            picture.save(out, "WEBP", quality=_QUALITY, method=0)
            kind = "webp"
        return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"

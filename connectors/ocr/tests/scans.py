"""Makes scans: pages that are drawn, and then pictures of those pages."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence

import pypdfium2
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

Words = Sequence[tuple[float, float, str]]  # x and y from the bottom left, in points, and the text
SIZE = (612, 792)


def typed(pages: Sequence[Words], font_size: float = 16) -> bytes:
    """Return a PDF with a text layer."""
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=SIZE, invariant=True)
    for words in pages:
        canvas.setFont("Helvetica", font_size)
        for x, y, text in words:
            canvas.drawString(x, y, text)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def scanned(pages: Sequence[Words], *, below: Sequence[Words] = (), scale: float = 2.0) -> bytes:
    """Return a PDF whose pages are pictures; ``below`` is a text layer beneath a picture of half the size."""
    drawn = pypdfium2.PdfDocument(typed(pages))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=SIZE, invariant=True)
    for index in range(len(drawn)):
        picture = ImageReader(drawn[index].render(scale=scale).to_pil())
        if below:
            canvas.setFont("Helvetica", 16)
            for x, y, text in below[index]:
                canvas.drawString(x, y, text)
            canvas.drawImage(picture, 150, 80, SIZE[0] / 2, SIZE[1] / 2)
        else:
            canvas.drawImage(picture, 0, 0, *SIZE)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


@functools.cache
def drain_plug() -> bytes:
    """Return the scan of ``OcrContract``."""
    return scanned([[(60, 700, "Tighten the drain plug"), (60, 660, "to 31 Nm")], []])

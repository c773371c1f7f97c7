"""Draws a page with pypdfium2 and reads it with RapidOCR."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ragedge.datatypes import OcrLine
from ragedge.errors import ModelIntegrityError, SourceError

_MODELS = {
    "Det.model_path": "PP-OCRv6_det_small.onnx",
    "Cls.model_path": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "Rec.model_path": "PP-OCRv6_rec_small.onnx",
}
# The engine scales a larger picture down to this (Global.max_side_len); about 180 dots an inch of a letter page.
_SIDE_PIXELS = 2000
_MOST_SCALE = 300 / 72
# Smaller pictures are logos and rules.
_LEAST_FIGURE_SHARE = 0.02


class RapidOcrReader:
    """Reads pages, one at a time; keeps the file it read last open."""

    def __init__(self) -> None:
        import rapidocr

        folder = Path(rapidocr.__file__).parent / "models"
        for file in _MODELS.values():
            if not (folder / file).is_file():  # left to itself, the engine would fetch it
                raise ModelIntegrityError(
                    f"the OCR model {file} is not in the installed rapidocr",
                    hint="pip install --force-reinstall 'rapidocr>=3.10,<3.11'",
                )
        self._engine: Any = rapidocr.RapidOCR(
            params={key: str(folder / file) for key, file in _MODELS.items()}
            | {
                "Global.log_level": "critical",
                "EngineConfig.onnxruntime.intra_op_num_threads": min(4, os.cpu_count() or 1),
            }
        )
        self._file: tuple[bytes, Any] | None = None

    def read(self, data: bytes, page: int, figures: bool, /) -> Sequence[OcrLine]:
        """Read one page; see ``ragedge.protocols.Ocr``. Figures of pages that are stored turned are not read."""
        import pypdfium2

        try:
            drawn = self._open(data)[page]
        except (pypdfium2.PdfiumError, IndexError) as exc:
            raise SourceError("damaged", f"page {page + 1} cannot be drawn ({type(exc).__name__})") from exc
        try:
            if not figures or not drawn.get_textpage().count_chars():
                return self._lines(drawn)
            pictures = _pictures(drawn)
            if not pictures or drawn.get_rotation():
                return []
            return [line for line in self._lines(drawn) if _only_in_picture(drawn, line, pictures)]
        finally:
            drawn.close()

    def _open(self, data: bytes) -> Any:
        import pypdfium2

        if self._file is None or self._file[0] is not data:
            self._file = None
            self._file = (data, pypdfium2.PdfDocument(data))
        return self._file[1]

    def _lines(self, page: Any) -> list[OcrLine]:
        width, height = page.get_size()
        scale = min(_SIDE_PIXELS / max(width, height, 1.0), _MOST_SCALE)
        picture = page.render(scale=scale, draw_annots=True).to_numpy()[:, :, :3]
        found = self._engine(picture)
        if found.boxes is None or found.txts is None:
            return []
        lines = []
        for box, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
            left, top = box.min(axis=0) / scale
            right, bottom = box.max(axis=0) / scale
            lines.append(
                OcrLine(text, float(score), float(left), float(top), float(right - left), float(bottom - top))
            )
        return lines


def _pictures(page: Any) -> list[tuple[float, float, float, float]]:
    """Return left, bottom, right and top of the pictures that cover a good part of a page."""
    from pypdfium2 import raw

    width, height = page.get_size()
    boxes = [
        tuple(picture.get_bounds())
        for picture in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=4)
    ]
    return [
        box for box in boxes if (box[2] - box[0]) * (box[3] - box[1]) >= _LEAST_FIGURE_SHARE * width * height
    ]


def _only_in_picture(page: Any, line: OcrLine, pictures: Sequence[tuple[float, float, float, float]]) -> bool:
    """Whether a line stands in a picture, and the page's own text has nothing in its place."""
    left, _, _, top = page.get_cropbox()
    x, y = left + line.x, top - line.y - line.height
    middle = (x + line.width / 2, y + line.height / 2)
    if not any(b[0] <= middle[0] <= b[2] and b[1] <= middle[1] <= b[3] for b in pictures):
        return False
    text = page.get_textpage().get_text_bounded(left=x, bottom=y, right=x + line.width, top=y + line.height)
    return not text.strip()

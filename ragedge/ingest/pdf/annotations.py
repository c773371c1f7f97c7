"""Shows what form fields, text notes and stamps hold, as a viewer draws it over the page."""

from __future__ import annotations

from typing import Any, Protocol

from pypdf.generic import ArrayObject, DictionaryObject, StreamObject

from ragedge.ingest.pdf.lines import Matrix, multiply

_MAX_ANNOTATIONS = 2000
_FORM_DEPTH = 10  # as if they stood that deep in forms: their own may nest a little only
_HIDDEN = 2  # bit of /F: PDF 32000-1, table 165


class Canvas(Protocol):
    """What annotations are drawn on."""

    def run(self, data: bytes, resources: DictionaryObject, ctm: Matrix, depth: int) -> None:
        """Run a content stream."""

    def add(
        self, text: str, start: float, end: float, size: float, rise: float, font: None, matrix: Matrix
    ) -> None:
        """Add a run of text."""


def show_annotations(canvas: Canvas, annotations: Any, base: Matrix) -> None:
    """Draw a page's ``/Annots``; a broken one is passed over."""
    listed = annotations.get_object() if annotations is not None else None
    for entry in listed[:_MAX_ANNOTATIONS] if isinstance(listed, ArrayObject) else ():
        try:
            _show(canvas, entry.get_object(), base)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            continue


def _show(canvas: Canvas, note: Any, base: Matrix) -> None:
    if note.get("/Subtype") not in ("/Widget", "/FreeText", "/Stamp") or int(note.get("/F", 0)) & _HIDDEN:
        return
    if "/AP" not in note:
        _show_field(canvas, note, base)
        return
    shown = note["/AP"].get_object()["/N"].get_object()
    if not isinstance(shown, StreamObject):  # one of several states, as of a check box
        shown = shown[note.get("/AS", "/Off")].get_object()
    left, bottom = (float(v) for v in note["/Rect"].get_object()[:2])
    box = shown.get("/BBox")
    x, y = (float(v) for v in box.get_object()[:2]) if box is not None else (0.0, 0.0)
    inner = shown.get("/Resources")
    inner = inner.get_object() if inner is not None else None
    resources = inner if isinstance(inner, DictionaryObject) else DictionaryObject()
    canvas.run(shown.get_data(), resources, multiply((1, 0, 0, 1, left - x, bottom - y), base), _FORM_DEPTH)


def _show_field(canvas: Canvas, note: Any, base: Matrix) -> None:
    """Show the value of a text field for which the file draws nothing, as viewers do."""
    value, kind = (note.get(key, note.get("/Parent", {}).get(key)) for key in ("/V", "/FT"))
    if kind not in ("/Tx", "/Ch") or not isinstance(value, str):
        return
    left, bottom, right, top = (float(v) for v in note["/Rect"].get_object())
    size = min(max(0.7 * (top - bottom), 6.0), 11.0)
    matrix = multiply((1, 0, 0, 1, left + 2, top - size - 2), base)
    for line in value.splitlines()[:_MAX_ANNOTATIONS]:
        canvas.add(line, 0.0, min(0.5 * size * len(line), right - left), size, 0.0, None, matrix)
        matrix = multiply((1, 0, 0, 1, 0, -1.2 * size), matrix)

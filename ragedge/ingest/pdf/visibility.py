"""Tells which text of a page nobody sees: drawn without ink, off the page, in the colour beneath it, painted over.

Text in render mode 3 over a picture of the page is what OCR laid there to be searched, and is seen: in the picture.
Whatever cannot be told (a pattern, a shading, a colour space of inks) counts as seen.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pypdf.generic import ArrayObject, DictionaryObject, StreamObject

from ragedge.ingest.pdf.layers import Layers
from ragedge.ingest.pdf.lines import Matrix

Color = tuple[float, float, float]
Box = tuple[float, float, float, float]  # left, foot, right, top in points of the page

# PDF 32000-1, tables 57, 60, 61, 74 and 106: what decides on colour, opacity, clipping and how text is painted.
PAINT_OPERATORS = frozenset(
    b"g rg k sc scn cs G RG K SC SCN CS gs Tr sh BDC BMC EMC W W* re m l c v y h f F f* B B* b b* S s n".split()
)
_BLACK: Color = (0.0, 0.0, 0.0)
_WHITE: Color = (1.0, 1.0, 1.0)
_FILLS = frozenset((b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*"))
_ENDS = _FILLS | {b"S", b"s", b"n"}
_COMPONENTS = {"/DeviceGray": 1, "/CalGray": 1, "/DeviceRGB": 3, "/CalRGB": 3, "/DeviceCMYK": 4}
_SAME = 0.04  # difference in each channel that an eye does not tell from the ground
_TRANSPARENT = 0.04
_TINY_POINTS, _TINY_SHARE = 1.5, 0.004  # a large drawing is looked at enlarged: of its shorter side as well
_OUTSIDE = 1.0  # points that text must be clear of the page by
_DEEPEST_MARK = 1000
_THIN = 3.0  # a rule hides no text
_MOST_PAINTED = 3000  # areas of one page; beyond, colours are not judged
_MOST_COVERING = 200
_MOSTLY_IMAGE = 0.5
_OUTLINES = 40  # filled shapes on a page without seen text: its letters may be among them


class Paint(NamedTuple):
    """The part of the graphics state that decides what is seen; None stands for a colour that is not known."""

    fill: Color | None = _BLACK
    stroke: Color | None = _BLACK
    fill_parts: int = 1  # components of the colour space; 0 where they are inks or patterns
    stroke_parts: int = 1
    fill_alpha: float = 1.0
    stroke_alpha: float = 1.0
    plain: bool = True  # painting replaces what is beneath: no blending, no mask
    mode: int = 0
    clip: Box | None = None
    off: bool = False  # on a layer that is not shown


class _Area(NamedTuple):
    order: int  # runs shown before it
    box: Box
    color: Color | None
    covers: bool  # a rectangle that lets nothing through


class Visibility:
    """Follows one page's paint. ``paint`` is the state now; streams save and restore it."""

    def __init__(self, width: float, height: float, layers: Layers) -> None:
        self.paint = Paint(clip=(0.0, 0.0, width, height) if width > 1 and height > 1 else None)
        self.images: list[Box] = []
        self._side = min(width, height)
        self._page_area = max(width * height, 1.0)
        self._areas: list[_Area] = []
        self._colors: set[Color | None] = set()
        self._boxes: list[Box] = []
        self._points: list[tuple[float, float]] = []
        self._clips = self._shaded = False
        self._layers = layers
        self._marks: list[
            bool
        ] = []  # for each marked content that is open, whether it is on a layer that is off
        self._shapes = 0
        self._unsure: list[tuple[Any, Box]] = []  # runs without ink
        self._places: list[tuple[Any, Box]] = []  # of all runs, in the order they are shown
        self._seen = 0

    def take(self, operator: bytes, operands: list[Any], ctm: Matrix, resources: DictionaryObject) -> None:
        """Follow one operator.

        Raises:
            IndexError, ValueError, TypeError, KeyError: operands are missing or of the wrong kind.
        """
        if operator in (b"m", b"l", b"c", b"v", b"y"):
            self._points.append(_place(float(operands[-2]), float(operands[-1]), ctm))
        elif operator == b"re":
            x, y, width, height = (float(v) for v in operands[-4:])
            self._boxes.append(box_of(x, y, x + width, y + height, ctm))
        elif operator in _ENDS:
            if operator in _FILLS:
                self._fill(ctm)
            if self._clips and self._boxes and not self._points:
                self.clip_to(_around(self._boxes))
            self._boxes, self._points, self._clips = [], [], False
        elif operator == b"W" or operator == b"W*":
            self._clips = True
        elif operator == b"Tr":
            self.paint = self.paint._replace(mode=int(operands[-1]))
        elif operator == b"gs":
            self._take_state(_entry(resources, "/ExtGState", operands[-1]))
        elif operator == b"sh":
            self._shaded = True
            box = self.paint.clip
            if box is not None:
                self._add_area(_Area(len(self._places), box, None, False))
        elif operator == b"BDC" or operator == b"BMC" or operator == b"EMC":
            self._mark(operator, operands, resources)
        elif operator != b"h":
            self._take_color(operator, operands, resources)

    def enter(self, form: DictionaryObject) -> None:
        """Begin a form, which may be on a layer as a whole."""
        if "/OC" in form and self._layers.is_off(form.raw_get("/OC")):
            self.paint = self.paint._replace(off=True)

    def clip_to(self, box: Box) -> None:
        """Show nothing outside of a box from here on."""
        old = self.paint.clip
        if old is not None:
            box = (max(old[0], box[0]), max(old[1], box[1]), min(old[2], box[2]), min(old[3], box[3]))
        self.paint = self.paint._replace(clip=box)

    def add_image(self, ctm: Matrix) -> None:
        """Note a picture; it fills the unit square."""
        box = box_of(0, 0, 1, 1, ctm)
        self.images.append(box)
        self._add_area(_Area(len(self._places), box, None, False))

    def why_hidden(self, run: Any, box: Box, *, scaled: bool) -> str:
        """Return why a run that is shown now is not seen, as far as can be told now; empty where it is.

        Args:
            run: With ``size`` in points; kept for ``finish``.
            box: Around it.
            scaled: Its size says how large it is, which is not so for fonts made of drawings.
        """
        paint = self.paint
        self._places.append((run, box))
        if paint.off or True in self._marks:
            return "marked_hidden"
        clip = paint.clip
        if clip is not None and (
            box[2] < clip[0] - _OUTSIDE
            or box[0] > clip[2] + _OUTSIDE
            or box[3] < clip[1] - _OUTSIDE
            or box[1] > clip[3] + _OUTSIDE
        ):
            return "off_page"
        mode = paint.mode & 3 if paint.mode < 7 else 3
        fills, strokes = mode in (0, 2), mode in (1, 2)
        inked = (fills and paint.fill_alpha > _TRANSPARENT) or (strokes and paint.stroke_alpha > _TRANSPARENT)
        if not inked:
            self._unsure.append((run, box))
            return ""
        if scaled and run.size < _TINY_POINTS and run.size < _TINY_SHARE * self._side:
            return "tiny"
        colors = ([paint.fill] if fills else []) + ([paint.stroke] if strokes else [])
        if None not in colors and all(self._is_ground(color, box) for color in colors if color is not None):
            return "same_colour"
        self._seen += 1
        return ""

    def finish(self) -> None:
        """Judge what depends on the whole page: text without ink, and text that was painted over."""
        mostly = sum(map(_area, self.images)) > _MOSTLY_IMAGE * self._page_area
        # A page whose letters are drawn as shapes, or by a shading through them, and laid under for the search.
        drawn = not self._seen and (self._shapes >= _OUTLINES or self._shaded)
        if not mostly and not drawn:
            bare = [run for run, box in self._unsure if not any(_inside(box, image) for image in self.images)]
            # OCR of a page that is put together from pictures reads specks between them, too.
            if sum(len(run.text) for run in bare) * 2 > sum(len(run.text) for run, _ in self._unsure):
                for run in bare:
                    run.hidden = "transparent"
        covering = [area for area in self._areas if area.covers and area.order]
        for area in covering[:_MOST_COVERING]:
            for run, box in self._places[: area.order]:
                if not run.hidden and _holds(area.box, box):
                    run.hidden = "covered"

    def _fill(self, ctm: Matrix) -> None:
        paint = self.paint
        self._shapes += len(self._boxes) + bool(self._points)
        if paint.fill_alpha <= _TRANSPARENT:
            return
        opaque = paint.plain and paint.fill_alpha > 0.99
        color = paint.fill if opaque else None
        for box in self._boxes:
            box = _within(box, paint.clip)
            if box[2] - box[0] > _THIN and box[3] - box[1] > _THIN:
                covers = opaque and color is not None and len(self._boxes) == 1 and not self._points
                self._add_area(_Area(len(self._places), box, color, covers))
        if self._points:  # of a shape only the extent is known
            xs, ys = [x for x, _ in self._points], [y for _, y in self._points]
            box = _within((min(xs), min(ys), max(xs), max(ys)), paint.clip)
            if box[2] - box[0] > _THIN and box[3] - box[1] > _THIN:
                self._add_area(_Area(len(self._places), box, None, False))

    def _add_area(self, area: _Area) -> None:
        if len(self._areas) <= _MOST_PAINTED:
            self._areas.append(area)
            self._colors.add(area.color)

    def _is_ground(self, color: Color, box: Box) -> bool:
        """Whether a colour is that of what lies beneath a place; paper is white."""
        if not _alike(color, _WHITE) and not any(c is not None and _alike(color, c) for c in self._colors):
            return False
        if len(self._areas) > _MOST_PAINTED:
            return False
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        for area in reversed(self._areas):
            if area.box[0] <= x <= area.box[2] and area.box[1] <= y <= area.box[3]:
                # Text that reaches beyond its ground is seen there.
                return area.color is not None and _alike(color, area.color) and _holds(area.box, box)
        return _alike(color, _WHITE)

    def _mark(self, operator: bytes, operands: list[Any], resources: DictionaryObject) -> None:
        """Follow marked content; what it holds may be on a layer."""
        if operator == b"EMC":
            if self._marks:
                self._marks.pop()
            return
        off = False
        if len(operands) == 2 and operands[0] == "/OC":
            named: Any = resources.get("/Properties")
            named = named.get_object() if named is not None else None
            if isinstance(named, DictionaryObject) and operands[1] in named:
                off = self._layers.is_off(named.raw_get(operands[1]))
        if len(self._marks) < _DEEPEST_MARK:
            self._marks.append(off)

    def _take_state(self, state: Any) -> None:
        if not isinstance(state, DictionaryObject):
            return
        values: dict[str, Any] = dict(state)
        paint = self.paint
        if "/ca" in state:
            paint = paint._replace(fill_alpha=float(values["/ca"]))
        if "/CA" in state:
            paint = paint._replace(stroke_alpha=float(values["/CA"]))
        if "/BM" in state or "/SMask" in state:
            plain = state.get("/BM", "/Normal") in ("/Normal", "/Compatible")
            paint = paint._replace(plain=plain and state.get("/SMask", "/None") == "/None")
        self.paint = paint

    def _take_color(self, operator: bytes, operands: list[Any], resources: DictionaryObject) -> None:
        fills, kind = operator.islower(), operator.lower()
        color: Color | None
        if kind == b"cs":
            parts = _components(operands[-1], resources)
            color = _BLACK if parts else None
        elif kind in (b"sc", b"scn"):
            parts = self.paint.fill_parts if fills else self.paint.stroke_parts
            color = _color(operands[-parts:]) if parts and len(operands) >= parts else None
        else:
            parts = {b"g": 1, b"rg": 3, b"k": 4}[kind]
            color = _color(operands[-parts:])
        if fills:
            self.paint = self.paint._replace(fill=color, fill_parts=parts)
        else:
            self.paint = self.paint._replace(stroke=color, stroke_parts=parts)


def box_of(x0: float, y0: float, x1: float, y1: float, m: Matrix) -> Box:
    """Return the box on the page around a rectangle that a matrix places."""
    return _around([(x, y, x, y) for x, y in (_place(x, y, m) for x in (x0, x1) for y in (y0, y1))])


def _place(x: float, y: float, m: Matrix) -> tuple[float, float]:
    a, b, c, d, e, f = m
    return x * a + y * c + e, x * b + y * d + f


def _around(boxes: list[Box]) -> Box:
    lefts, feet, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(feet), max(rights), max(tops)


def _within(box: Box, clip: Box | None) -> Box:
    if clip is None:
        return box
    return max(box[0], clip[0]), max(box[1], clip[1]), min(box[2], clip[2]), min(box[3], clip[3])


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _inside(box: Box, other: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] <= x <= other[2] and other[1] <= y <= other[3]


def _holds(outer: Box, box: Box) -> bool:
    slack = 0.3 * (box[3] - box[1])  # a box is around the tallest letters there may be
    return (
        outer[0] <= box[0] + slack
        and outer[1] <= box[1] + slack
        and outer[2] >= box[2] - slack
        and outer[3] >= box[3] - slack
    )


def _alike(one: Color, other: Color) -> bool:
    return all(abs(a - b) <= _SAME for a, b in zip(one, other, strict=True))


def _color(values: list[Any]) -> Color:
    parts = [min(max(float(value), 0.0), 1.0) for value in values]
    if len(parts) == 1:
        return parts[0], parts[0], parts[0]
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    cyan, magenta, yellow, black = parts
    return (1 - cyan) * (1 - black), (1 - magenta) * (1 - black), (1 - yellow) * (1 - black)


def _components(name: str, resources: DictionaryObject) -> int:
    """Return how many numbers make a colour of a space; 0 where they do not say what it looks like."""
    if name in _COMPONENTS:
        return _COMPONENTS[name]
    space = _entry(resources, "/ColorSpace", name)
    if isinstance(space, ArrayObject) and space:
        family = str(space[0])
        if family == "/ICCBased":
            profile = space[1].get_object()
            count = int(profile.get("/N", 0)) if isinstance(profile, StreamObject) else 0
            return count if count in (1, 3, 4) else 0
        return _COMPONENTS.get(family, 0)
    return _COMPONENTS.get(str(space), 0)


def _entry(resources: DictionaryObject, key: str, name: str) -> Any:
    found: Any = resources.get(key)
    found = found.get_object() if found is not None else None
    found = found.get(name) if isinstance(found, DictionaryObject) else None
    return found.get_object() if found is not None else None

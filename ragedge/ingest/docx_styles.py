"""What a Word document's styles and numbering say of a paragraph: its heading level, its number."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

_HEADING_NAME = re.compile(r"heading (\d)$", re.I)
_DEEPEST_CHAIN = 20
_BODY_LEVEL = 9  # w:outlineLvl counts from 0; 9 is body text (ECMA-376, 17.3.1.20)
_LEVEL_REFERENCE = re.compile(r"%(\d)")
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip

_WHITE = re.compile(r"[fF][b-fB-F][fF][b-fB-F][fF][b-fB-F]$")
_PAPER = re.compile(r"auto$|[fF]{6}$")
_GROUNDS = {"highlight", "tblStyle", "txbxContent", "drawing", "pict", "background"}


@dataclass(frozen=True, slots=True)
class Style:
    """A paragraph style with what it inherits.

    Attributes:
        name: In lower case; Word's own names are the same in every language.
        level: Heading depth from 1; 0 for body text.
        numbering: The list it belongs to and the level in it, or None.
        bold: Its text is bold.
    """

    name: str = ""
    level: int = 0
    numbering: tuple[str, int] | None = None
    bold: bool = False


def value(parent: Element | None, tag: str) -> str | None:
    """Return the ``val`` attribute of a child; None where there is no such child or attribute."""
    child = parent.find(tag) if parent is not None else None
    return child.get("val") if child is not None else None


def is_on(parent: Element | None, tag: str) -> bool:
    """Whether a switch such as ``w:b`` is there and not turned off."""
    child = parent.find(tag) if parent is not None else None
    return child is not None and child.get("val", "1").lower() not in ("0", "false", "off")


def why_hidden(style: Element | None, *, on_paper: bool) -> str:
    """Return why a run is not seen; empty where it is.

    Args:
        style: Its properties.
        on_paper: Nothing in the document has a ground of its own, so that white is the colour of the paper.
    """
    if is_on(style, "vanish"):
        return "marked_hidden"
    size, color = value(style, "sz"), value(style, "color")
    if on_paper and color and _WHITE.match(color):
        return "same_colour"
    # Half points: what PDF pages say in so small a type is not seen either.
    return "tiny" if size and size.isdecimal() and int(size) <= 2 else ""


def is_on_paper(body: Element) -> bool:
    """Whether nothing in a body is shaded, highlighted, styled as a table or drawn, as far as it says so itself."""
    if any(element.tag in _GROUNDS for element in body.iter()):
        return False
    return all(_PAPER.match(shade.get("fill", "auto")) for shade in body.iter("shd"))


class Styles:
    """The styles of one document.

    Args:
        tree: ``word/styles.xml``; None where the document has none.
    """

    def __init__(self, tree: Element | None) -> None:
        self._elements: dict[str, Element] = {}
        self._default = ""
        for element in tree.iter("style") if tree is not None else ():
            if element.get("type", "paragraph") == "paragraph":
                self._elements[element.get("styleId", "")] = element
                if element.get("default") in ("1", "true"):
                    self._default = element.get("styleId", "")
        self._known: dict[str, Style] = {}

    def of(self, style_id: str | None) -> Style:
        """Return a style by its id; the default style for None, an empty one for an unknown id."""
        key = self._default if style_id is None else style_id
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key]

    def _read(self, style_id: str) -> Style:
        name, level, number, list_level, bold = "", None, None, None, None
        for _ in range(_DEEPEST_CHAIN):
            element = self._elements.get(style_id)
            if element is None:
                break
            own = (value(element, "name") or "").lower()
            name = name or own
            about = element.find("pPr")
            if level is None:
                outline, named = value(about, "outlineLvl"), _HEADING_NAME.match(own)
                level = (
                    int(outline) + 1 if outline and outline.isdecimal() else int(named[1]) if named else None
                )
            numbering = about.find("numPr") if about is not None else None
            number = number or value(numbering, "numId")
            list_level = list_level or value(numbering, "ilvl")
            run = element.find("rPr")
            if bold is None and run is not None and run.find("b") is not None:
                bold = is_on(run, "b")
            style_id = value(element, "basedOn") or ""
        deep = level if level is not None and level <= _BODY_LEVEL else 0
        if name == "title":
            deep = 1
        listed = (number, _small(list_level)) if number and number != "0" else None
        return Style(name, deep, listed, bool(bold))


@dataclass(slots=True)
class _Level:
    """How one level of a list is written: number format, text such as ``%1.%2``, first number."""

    form: str = "decimal"
    text: str = "%1."
    start: int = 1


@dataclass(slots=True)
class _List:
    """A list (``w:num``): the levels it shares with others of its kind, and where it begins anew."""

    shared: str
    levels: dict[int, _Level]
    restarts: dict[int, int] = field(default_factory=dict)
    begun: bool = False


class Numbering:
    """Counts the numbered paragraphs of one document, in order.

    Args:
        tree: ``word/numbering.xml``; None where the document has none.
    """

    def __init__(self, tree: Element | None) -> None:
        self._lists: dict[str, _List] = {}
        self._counters: dict[str, dict[int, int]] = {}
        if tree is None:
            return
        kinds = {kind.get("abstractNumId", ""): _levels(kind) for kind in tree.iter("abstractNum")}
        for number in tree.iter("num"):
            shared = value(number, "abstractNumId") or ""
            listed = _List(shared, dict(kinds.get(shared, {})))
            for override in number.iter("lvlOverride"):
                level = _small(override.get("ilvl"))
                start = value(override, "startOverride")
                if start is not None and start.isdecimal():
                    listed.restarts[level] = int(start)
                listed.levels.update(_levels(override))
            self._lists[number.get("numId", "")] = listed

    def next(self, number: str, level: int) -> str:
        """Count one paragraph of a list; returns its number as written, ``-`` for a bullet, empty for neither."""
        listed = self._lists.get(number)
        if listed is None:
            return ""
        counters = self._counters.setdefault(listed.shared, {})
        if not listed.begun:
            listed.begun = True
            for at in listed.restarts:
                counters.pop(at, None)
        form = listed.levels.get(level, _Level())
        start = listed.restarts.get(level, form.start)
        counters[level] = counters[level] + 1 if level in counters else start
        for deeper in [at for at in counters if at > level]:
            del counters[deeper]
        if form.form == "bullet":
            return "-"
        if form.form == "none":
            return ""

        def written(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            its = listed.levels.get(at, _Level())
            return _format(counters.get(at, its.start), its.form)

        return _LEVEL_REFERENCE.sub(written, form.text).strip()


def _levels(parent: Element) -> dict[int, _Level]:
    found = {}
    for element in parent.iter("lvl"):
        start = value(element, "start") or "1"
        found[_small(element.get("ilvl"))] = _Level(
            value(element, "numFmt") or "decimal",
            value(element, "lvlText") or "",
            int(start) if start.isdecimal() and len(start) < 9 else 1,
        )
    return found


def _small(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 3 else 0


def _format(count: int, form: str) -> str:
    if form in ("lowerLetter", "upperLetter") and count > 0:
        letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)  # z is followed by aa, bb
        return letter.upper() if form == "upperLetter" else letter
    if form in ("lowerRoman", "upperRoman") and 0 < count < 4000:
        text = ""
        for size, sign in _ROMAN:
            text += sign * (count // size)
            count %= size
        return text.upper() if form == "upperRoman" else text
    if form == "decimalZero":
        return f"{count:02d}"
    if form == "decimalEnclosedCircle" and 0 < count <= 20:
        return chr(0x2460 + count - 1)
    return str(count)

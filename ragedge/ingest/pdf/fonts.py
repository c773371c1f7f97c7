"""Decodes shown strings into text and widths; the one place that reaches into pypdf's fonts."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from pypdf._codecs.adobe_glyphs import adobe_glyphs
from pypdf.generic import DictionaryObject, _font
from pypdf.generic._font import Font  # not public; pyproject.toml holds pypdf to a major version for it

from ragedge.ingest.clean import clean
from ragedge.ingest.pdf.adobe_cjk import collection, unicode_by_cid
from ragedge.ingest.pdf.to_unicode import loose_map

# Where fontTools happens to be installed pypdf reads embedded CFF encodings with it, over what the font resource
# says; a file must read the same on every machine.
_font.HAS_FONTTOOLS = False

_UNICODE_NAME = re.compile(r"^u(?:ni)?([0-9A-F]{4,6})$")
_GLYPH_CODE = re.compile(r"^/?[A-Za-z]{1,2}([0-9A-Fa-f]{2,3})$")
_BOLD = re.compile(r"bold|black|heavy|demi|semibold|[-,]b$|\.B$|gothicbbb", re.I)
_BULLETS = dict.fromkeys(
    ["\uf0b7", "\uf0a7", "\uf06e", "\uf076", "\uf0d8", "\uf0fc", "\u25cf", "\x7f", "\x95"], "•"
)


# Below the space: the ligatures of TeX's OT1 (11-15) and T1 (27-31) fonts, T1's quotes and dashes. Source: ec.enc.
_TEX = {11: "ff", 12: "fi", 13: "fl", 14: "ffi", 15: "ffl", 16: "“", 17: "”", 18: "„", 19: "«", 20: "»", 21: "–",
        22: "—", 27: "ff", 28: "fi", 29: "fl", 30: "ffi", 31: "ffl"}  # fmt: skip
_TEX_NAME = re.compile(r"^/a\d{1,3}$")


class RunFont:
    """A font of a page: bytes in, text and width out.

    Attributes:
        bold: By its name or weight.
        space: Width of a space, in thousandths of the size.
        scaled: The size says how large its letters are; not so where they are drawings of any size.
    """

    def __init__(self, font: Font) -> None:
        name = f"{font.name} {font.font_descriptor.name}"
        self.bold = bool(_BOLD.search(name)) or str(font.font_descriptor.weight) in (
            "600",
            "700",
            "800",
            "900",
        )
        self.space = float(font.space_width or 250)
        self.scaled = font.sub_type != "Type3"
        self._font = font
        self._wide: dict[str, tuple[str, float]] = {}
        self._text: list[str] = []
        self._width: list[float] = []
        default = float(font.character_widths.get("default", 500))
        self._default = default
        if not isinstance(font.encoding, str):
            symbolic = "Symbol" in font.name or "Wingding" in font.name
            for code in range(256):
                char = font.encoding.get(code, chr(code))
                char = _visible(str(font.character_map.get(char, char)), code, symbolic=symbolic)
                self._text.append(char if font.interpretable else "")
                self._width.append(float(font.character_widths.get(chr(code), default)))

    def use_codes(self, table: Mapping[int, str]) -> None:
        """Read two-byte codes by a table instead of as Unicode, those that the font has no text for."""
        for code, text in table.items():
            if chr(code) in self._font.character_map:
                continue
            width = self._font.character_widths.get(chr(code), self._default)
            self._wide[chr(code)] = (text, float(width))

    @property
    def is_mapped(self) -> bool:
        """Whether the text of any code is known besides the space."""
        return any(str(text).strip() for text in self._font.character_map.values()) or bool(self._wide)

    def use_tex_codes(self) -> None:
        """Read the codes below the space as TeX's text fonts have them."""
        for code, text in _TEX.items():
            if self._text and not self._text[code]:
                self._text[code] = text

    def decode(self, data: bytes) -> tuple[str, float, int]:
        """Return a string's text, its width in thousandths of the size, and its number of codes."""
        if self._text:
            return (
                "".join(map(self._text.__getitem__, data)),
                sum(map(self._width.__getitem__, data)),
                len(data),
            )
        encoding = self._font.encoding
        assert isinstance(encoding, str)
        try:
            codes = data.decode(encoding, "surrogatepass")
        except (UnicodeDecodeError, LookupError):
            codes = data.decode(encoding if encoding.startswith("utf") else "latin-1", "replace")
        text, width = [], 0.0
        for code in codes:
            known = self._wide.get(code)
            if known is None:
                char = _visible(str(self._font.character_map.get(code, code)), 0, symbolic=False)
                value = self._font.character_widths.get(code, self._default)
                known = self._wide[code] = (
                    char,
                    float(value) if isinstance(value, int | float) else self._default,
                )
            text.append(known[0])
            width += known[1]
        return "".join(text), width, len(codes)


@functools.lru_cache(maxsize=16384)
def _visible(char: str, code: int, *, symbolic: bool) -> str:
    """Return what a code shows: glyph names such as ``/G54`` are codes written out, bullets become one sign."""
    if char in _BULLETS:
        return "•"
    if len(char) > 1 and char.startswith("/"):
        char = _named(char, code)
    if symbolic and "\uf000" <= char <= "\uf0ff":
        char = chr(ord(char) - 0xF000)
    return char if char in (" ", "\t") else clean(char).replace("\n", " ")


def _named(name: str, code: int) -> str:
    """Read a glyph's name that pypdf leaves as it is: ``/f_t``, ``/parenleft.cap``, ``/uni00B0``, ``/G54``."""
    base = name[1:].partition(".")[0]
    parts = []
    for part in base.split("_"):
        found = _UNICODE_NAME.match(part)
        if found:
            value = int(found[1], 16)
            parts.append(chr(value) if value < 0x110000 else "")
        elif f"/{part}" in adobe_glyphs:
            parts.append(adobe_glyphs[f"/{part}"])
        elif len(part) == 1:
            parts.append(part)
        else:
            coded = _GLYPH_CODE.match(part)
            value = int(coded[1], 16) if coded else code
            parts.append(chr(value) if 32 <= value < 127 else "")
    return "".join(parts)


def _is_dvips(font: DictionaryObject) -> bool:
    """Whether dvips made a font of pictures, whose glyphs are named ``/a28`` for their codes."""
    encoding = font.get("/Encoding")
    encoding = encoding.get_object() if encoding is not None else None
    if font.get("/Subtype") != "/Type3" or not isinstance(encoding, DictionaryObject):
        return False
    names: Any = encoding.get("/Differences", ())
    return sum(bool(_TEX_NAME.match(str(name))) for name in names) >= 3


def load_font(resource: Any) -> RunFont | None:
    """Build a font from its resource; None where it is broken beyond use."""
    try:
        resource = resource.get_object()
        if not isinstance(resource, DictionaryObject):
            return None
        font = RunFont(Font.from_font_resource(resource))
        if _is_dvips(resource):
            font.use_tex_codes()
        if resource.get("/Subtype") == "/Type0":
            font.use_codes(unicode_by_cid(collection(resource)))
            if not font.is_mapped:
                font.use_codes(loose_map(resource))
        return font
    except RecursionError:
        raise
    except Exception:  # pypdf raises a dozen kinds for broken fonts; the strings are then read as Latin-1
        return None

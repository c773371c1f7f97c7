"""What every OCR plugin must do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, ClassVar

import pytest

from ragedge import plugins
from ragedge.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from ragedge.protocols import Ocr


class OcrContract:
    """Subclass it, set ``plugin``, and override ``scan``.

    Attributes:
        plugin: The name it is registered under in the group ``ragedge.ocr``.
    """

    plugin: ClassVar[str] = ""

    @pytest.fixture
    def ocr(self) -> Ocr:
        """Build the plugin."""
        made: Ocr = plugins.create("ocr", self.plugin, {})
        return made

    def scan(self) -> bytes:
        """Return a PDF of two pages, 612 by 792 points, without a text layer.

        The first page shows ``Tighten the drain plug`` in its upper left quarter and ``31 Nm`` below it; the
        second is white.
        """
        raise NotImplementedError

    def test_it_reads_a_picture_of_words(self, ocr: Ocr) -> None:
        lines = list(ocr.read(self.scan(), 0, False))
        text = " ".join(line.text for line in lines)
        assert "drain plug" in text
        assert "31" in text
        assert all(0.0 <= line.confidence <= 1.0 for line in lines)

    def test_boxes_are_points_from_the_top_left(self, ocr: Ocr) -> None:
        lines = sorted(ocr.read(self.scan(), 0, False), key=lambda line: line.y)
        assert all(line.width > 0 and line.height > 0 for line in lines)
        assert all(line.x + line.width <= 620 and line.y + line.height <= 800 for line in lines)
        assert lines[0].y < 396
        assert lines[0].x < 306
        assert "plug" in "".join(line.text for line in lines if line.y < 396)
        assert [a.y <= b.y for a, b in itertools.pairwise(lines)] == [True] * (len(lines) - 1)

    def test_a_white_page_has_no_lines(self, ocr: Ocr) -> None:
        assert list(ocr.read(self.scan(), 1, False)) == []

    def test_reading_twice_gives_the_same(self, ocr: Ocr) -> None:
        data = self.scan()
        assert list(ocr.read(data, 0, False)) == list(ocr.read(data, 0, False))

    @pytest.mark.parametrize("data", [b"", b"%PDF-1.7 broken", b"words"])
    def test_what_cannot_be_drawn_is_a_source_error(self, ocr: Ocr, data: bytes) -> None:
        with pytest.raises(SourceError):
            ocr.read(data, 0, False)

    def test_a_page_that_is_not_there_is_a_source_error(self, ocr: Ocr) -> None:
        with pytest.raises(SourceError):
            ocr.read(self.scan(), 7, False)

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ConfigError):
            plugins.create("ocr", self.plugin, {"no_such_option": 1})

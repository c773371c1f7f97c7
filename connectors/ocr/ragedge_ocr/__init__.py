"""An OCR plugin on RapidOCR: reads pages of PDF files that are pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge_ocr.reader import RapidOcrReader


def create(options: Mapping[str, Any]) -> RapidOcrReader:
    """Build the reader; it has no options.

    Raises:
        ConfigError: an option was given.
        ModelIntegrityError: a model that RapidOCR's wheel carries is not there.
    """
    from ragedge_ocr.reader import RapidOcrReader

    if options:
        raise ConfigError(f"ocr 'rapidocr' has no option {min(options)!r}; it has none")
    return RapidOcrReader()

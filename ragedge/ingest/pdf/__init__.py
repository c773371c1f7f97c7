"""Reads PDF: pypdf opens the file and its fonts; what stands where on a page is worked out here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge.ingest.options import no_options

if TYPE_CHECKING:
    from ragedge.ingest.pdf.loader import PdfLoader


def create(options: Mapping[str, Any]) -> PdfLoader:
    """Build the loader; it has no options."""
    no_options("loader", "pdf", options)
    from ragedge.ingest.pdf.loader import PdfLoader

    return PdfLoader()

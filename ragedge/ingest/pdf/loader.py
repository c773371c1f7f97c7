"""The PDF loader: opens the file, reads each page, and turns what goes wrong into a reason."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence

import pypdf
from pypdf.errors import PyPdfError

from ragedge.datatypes import Document, Page
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.page_builder import PageBuilder

logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of every oddity, quoting the file


class PdfLoader:
    """Reads ``application/pdf``."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.PDF,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: ``encrypted``, ``damaged`` or ``no_text``.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _load(data, source)


def _load(data: bytes, source: str) -> Document:
    reader = _open(data, source)
    labels = _labels(reader)
    pages: list[Page] = []
    failed = 0
    for index in range(_page_count(reader, source)):
        builder = PageBuilder()
        try:
            for paragraph in clean(reader.pages[index].extract_text()).split("\n\n"):
                builder.add("paragraph", paragraph)
        except Exception:  # one broken page must not cost the others
            failed += 1
        pages.append(builder.build(index + 1, label=labels[index] if index < len(labels) else None))
    if not any(page.text for page in pages):
        if failed:
            raise SourceError("damaged", f"{source}: none of its {len(pages)} pages could be read")
        raise SourceError(
            "no_text",
            f"{source} has no text layer on any of its {len(pages)} pages",
            hint="read it with OCR first",
        )
    return Document(source, detect.PDF, tuple(pages), _title(reader))


def _open(data: bytes, source: str) -> pypdf.PdfReader:
    try:
        reader = pypdf.PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise SourceError(
                "encrypted",
                f"{source} is encrypted and needs a password",
                hint="save it without a password first",
            )
        return reader
    except SourceError:
        raise
    except pypdf.errors.DependencyError as exc:
        raise SourceError(
            "encrypted",
            f"{source} is encrypted, and the cryptography package is missing",
            hint="pip install cryptography",
        ) from exc
    except (PyPdfError, Exception) as exc:
        raise SourceError(
            "damaged",
            f"{source} is not a readable PDF ({type(exc).__name__})",
            hint="save it again from its original",
        ) from exc


def _page_count(reader: pypdf.PdfReader, source: str) -> int:
    try:
        count = len(reader.pages)
    except Exception as exc:
        raise SourceError(
            "damaged", f"{source}: its page list cannot be read ({type(exc).__name__})"
        ) from exc
    if count == 0:
        raise SourceError("damaged", f"{source} has no pages")
    return count


def _labels(reader: pypdf.PdfReader) -> list[str]:
    try:
        return [clean(label).strip() for label in reader.page_labels]
    except Exception:
        return []


def _title(reader: pypdf.PdfReader) -> str:
    try:
        return " ".join(clean(str((reader.metadata or {}).get("/Title") or "")).split())
    except Exception:
        return ""

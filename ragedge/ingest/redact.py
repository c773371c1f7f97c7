"""Takes personal data out of a document before it is cut: what is stored, embedded and quoted never held it."""

from __future__ import annotations

from dataclasses import replace

from ragedge.datatypes import Document
from ragedge.ingest import preprocess
from ragedge.privacy.redaction.replacing import Redaction


def redact(document: Document, redaction: Redaction) -> Document:
    """Return a document with page texts, title and metadata redacted; blocks stand where their text now does."""
    document = preprocess.apply(document, [redaction])
    return replace(
        document, title=redaction.text(document.title), metadata=redaction.values(document.metadata)
    )

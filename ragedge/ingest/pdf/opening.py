"""Opens a PDF and lists its pages; says why where it cannot."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any, cast

import pypdf
from pypdf.errors import DependencyError, PdfReadError
from pypdf.generic import ArrayObject, DictionaryObject, NameObject

from ragedge.errors import SourceError

_CATALOG = re.compile(rb"(\d+)\s+0\s+obj(?:(?!endobj).){0,4000}?/Type\s*/Catalog\b", re.S)
_MAX_PAGES = 20_000
_INHERITED = ("/Resources", "/MediaBox", "/CropBox", "/Rotate")  # PDF 32000-1, table 30


def _reader(data: bytes) -> pypdf.PdfReader:
    """Open a file; one that was cut off before its trailer gets one that names its catalog."""
    try:
        return pypdf.PdfReader(io.BytesIO(data), strict=False)
    except PdfReadError:
        catalog = _CATALOG.search(data)
        if catalog is None:
            raise
        root = b"\ntrailer\n<</Size 1/Root %s 0 R>>\nstartxref\n0\n%%%%EOF" % catalog[1]
        return pypdf.PdfReader(io.BytesIO(data + root), strict=False)


def open_pdf(data: bytes, source: str) -> pypdf.PdfReader:
    """Open a file, with the empty password where it is encrypted.

    Raises:
        SourceError: ``encrypted`` or ``damaged``.
    """
    try:
        reader = _reader(data)
        if reader.is_encrypted and not reader.decrypt("") and not _only_attachments(reader):
            raise SourceError(
                "encrypted",
                f"{source} is encrypted and needs a password",
                hint="save it without a password first",
            )
    except SourceError:
        raise
    except (DependencyError, NotImplementedError) as exc:
        raise SourceError(
            "encrypted",
            f"{source} is encrypted in a way that cannot be read",
            hint="save it without a password first",
        ) from exc
    except (RecursionError, MemoryError):
        raise
    except Exception as exc:  # besides its own errors pypdf lets KeyError, TypeError and others through
        if _raised_in(exc, "_encryption"):
            raise SourceError(
                "encrypted",
                f"{source} is encrypted in a way that cannot be read ({type(exc).__name__})",
                hint="save it without a password first",
            ) from exc
        raise SourceError(
            "damaged",
            f"{source} is not a readable PDF ({type(exc).__name__})",
            hint="save it again from its original",
        ) from exc
    return reader


def _only_attachments(reader: pypdf.PdfReader) -> bool:
    """Whether the password guards embedded files alone; pypdf then must be told to read the rest as it is."""
    rules = reader.trailer["/Encrypt"].get_object()
    assert isinstance(rules, DictionaryObject)
    plain = rules.get("/StmF", "/Identity") == rules.get("/StrF", "/Identity") == "/Identity"
    if int(rules.get("/V", 0)) >= 4 and plain:
        reader._encryption = None
        return True
    return False


def _raised_in(exc: Exception, module: str) -> bool:
    trace = exc.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__", "").endswith(module):
            return True
        trace = trace.tb_next
    return False


def page_list(reader: pypdf.PdfReader, source: str) -> Sequence[pypdf.PageObject]:
    """Return a file's pages; those of a list that leads back into itself are taken once each.

    Raises:
        SourceError: ``damaged`` or ``too_large``.
    """
    try:
        pages: Sequence[pypdf.PageObject] = reader.pages
        try:
            count = len(pages)
        except PdfReadError:
            pages = _walk_pages(reader)
            count = len(pages)
    except (RecursionError, MemoryError):
        raise
    except Exception as exc:
        raise SourceError(
            "damaged", f"{source}: its list of pages cannot be read ({type(exc).__name__})"
        ) from exc
    if count == 0:
        raise SourceError("damaged", f"{source} has no pages")
    if count > _MAX_PAGES:
        raise SourceError(
            "too_large", f"{source} has {count} pages; at most {_MAX_PAGES} are read", hint="split it"
        )
    return pages


def _walk_pages(reader: pypdf.PdfReader) -> list[pypdf.PageObject]:
    found: list[pypdf.PageObject] = []
    stack: list[tuple[Any, dict[str, Any]]] = [(reader.root_object.raw_get("/Pages"), {})]
    seen: set[int] = set()
    while stack and len(found) <= _MAX_PAGES:
        reference, inherited = stack.pop()
        node = reference.get_object()
        if not isinstance(node, DictionaryObject) or id(node) in seen:
            continue
        seen.add(id(node))
        inherited = inherited | {NameObject(key): node.raw_get(key) for key in _INHERITED if key in node}
        if "/Kids" in node:
            stack += [(kid, inherited) for kid in reversed(cast(ArrayObject, node["/Kids"].get_object()))]
        elif node.get("/Type") == "/Page":
            page = pypdf.PageObject(reader, reference)
            page.update(inherited | dict(node))
            found.append(page)
    return found

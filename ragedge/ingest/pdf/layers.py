"""Layers of a PDF that viewers do not show until somebody switches them on (PDF 32000-1, section 8.11)."""

from __future__ import annotations

from typing import Any

from pypdf.generic import ArrayObject, DictionaryObject

_MOST = 10_000


class Layers:
    """Which of a document's layers are off when it is opened.

    Args:
        catalog: The document's; one that is broken has no layers.
    """

    def __init__(self, catalog: Any) -> None:
        self._off: set[int] = set()
        try:
            properties = catalog["/OCProperties"].get_object()
            default = properties["/D"].get_object()
            if default.get("/BaseState") == "/OFF":
                self._off = _numbers(properties.raw_get("/OCGs")) - _numbers(default.get("/ON"))
            else:
                self._off = _numbers(default.get("/OFF"))
        except (KeyError, TypeError, AttributeError):
            return

    def is_off(self, reference: Any) -> bool:
        """Whether what a layer, or a rule over several, holds is not shown."""
        if not self._off or reference is None:
            return False
        if getattr(reference, "idnum", None) in self._off:
            return True
        rule = reference.get_object()
        if not isinstance(rule, DictionaryObject) or rule.get("/Type") != "/OCMD" or "/OCGs" not in rule:
            return False
        raw = rule.raw_get("/OCGs")
        members = _numbers(raw) or _numbers(ArrayObject([raw]))
        off = members & self._off
        policy = rule.get("/P", "/AnyOn")
        if policy == "/AllOn":
            return bool(off)
        return bool(members) and off == members and policy == "/AnyOn"


def _numbers(listed: Any) -> set[int]:
    """Return the object numbers of the references in an array."""
    listed = listed.get_object() if listed is not None else None
    if not isinstance(listed, ArrayObject):
        return set()
    return {entry.idnum for entry in list(listed)[:_MOST] if hasattr(entry, "idnum")}

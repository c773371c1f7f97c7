"""Which documents a newer revision has replaced: those are left out of a search that does not ask for them.

Two documents are revisions of one where both state a ``revision`` or an ``effective_date``, and agree in their
``document`` (else their title) and in everything that says what they apply to. Letters and numbers are put in order;
a revision that is neither (``draft``), or of another kind than its neighbour's, replaces nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ragedge.index.rows import SourceRecord
from ragedge.retrieve.filter import Condition

# Who asks for one of these means a document, be it old or new.
_ASKS_FOR_OLD = frozenset({"revision", "effective_date", "document", "source"})
_SCOPE = ("model", "variant", "market", "year", "language")
_PREFIX = re.compile(r"^\s*rev(?:ision)?\.?\s*", re.I)
_PART = re.compile(r"\d+|[^\W\d_]+")
_MOST_LETTERS = 2  # A to ZZ are counted with; longer runs are words

Key = tuple[tuple[int, int, str], ...]


def superseded(records: Iterable[SourceRecord]) -> dict[str, str]:
    """Return the sources that were replaced, each with the newest revision of its document."""
    families: dict[tuple[str, ...], list[tuple[Key, str]]] = {}
    for record in records:
        family, key = _family(record), revision_key(record.metadata)
        if family is not None and key is not None:
            families.setdefault(family, []).append((key, record.source))
    replaced: dict[str, str] = {}
    for members in families.values():
        for shape in {_shape(key) for key, _ in members}:
            alike = [member for member in members if _shape(member[0]) == shape]
            newest = max(alike)
            replaced |= {source: newest[1] for key, source in alike if key < newest[0]}
    return replaced


def includes_old(conditions: Iterable[Condition]) -> bool:
    """Say whether conditions name a revision, so that replaced documents are searched too."""
    return any(condition.key in _ASKS_FOR_OLD for condition in conditions)


def notes(replaced: Mapping[str, str], records: Mapping[str, SourceRecord], source: str) -> list[str]:
    """Return what a reader of this source should be told of its revisions."""
    if source in replaced:
        return [f"{_named(records, source)} was replaced by {_named(records, replaced[source])}"]
    older = sorted(old for old, new in replaced.items() if new == source)
    return (
        [f"{_named(records, source)} replaces {', '.join(_named(records, old) for old in older)}"]
        if older
        else []
    )


def revision_key(metadata: Mapping[str, Any]) -> Key | None:
    """Return what revisions sort by; None where there is none, or none that has an order."""
    stated = metadata.get("revision", metadata.get("effective_date"))
    if stated is None:
        return None
    parts = _PART.findall(_PREFIX.sub("", str(stated)))
    if not parts or any(len(part) > _MOST_LETTERS for part in parts if not part.isdecimal()):
        return None
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, len(part), part.casefold()) for part in parts
    )


def _shape(key: Key) -> tuple[int, ...]:
    return (key[0][0],)


def _family(record: SourceRecord) -> tuple[str, ...] | None:
    name = str(record.metadata.get("document") or record.title).strip().casefold()
    if not name:
        return None
    return (name, *(str(record.metadata.get(key, "")).strip().casefold() for key in _SCOPE))


def _named(records: Mapping[str, SourceRecord], source: str) -> str:
    metadata = records[source].metadata
    if "revision" in metadata:
        revision = _PREFIX.sub("", str(metadata["revision"]))
        return f"{source} (revision {revision})"
    return f"{source} (of {metadata['effective_date']})"

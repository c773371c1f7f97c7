"""Parses XML that may be hostile: no entities, no outside files, no bottomless nesting."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ragedge.errors import SourceError

_DEEPEST = 400
_MOST_ELEMENTS = 2_000_000


def parse_xml(data: bytes, source: str) -> Element:
    """Parse XML into a tree whose tags and attributes have lost their namespace prefixes.

    Args:
        data: The bytes, in the encoding that they declare.
        source: Quoted in errors.

    Raises:
        SourceError: it is not well-formed, declares entities, or is larger or deeper than documents are.
    """
    builder = TreeBuilder()
    depth = count = 0

    def refuse(*_: object) -> NoReturn:
        raise SourceError(
            "damaged", f"{source} declares XML entities, which documents of its kind do not hold"
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > _DEEPEST:
            raise SourceError("damaged", f"{source} nests XML over {_DEEPEST} levels deep")
        if count > _MOST_ELEMENTS:
            raise SourceError("too_large", f"{source} holds over {_MOST_ELEMENTS} XML elements in one part")
        builder.start(_local(tag), {_local(name): value for name, value in attributes.items()})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(data, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as exc:
        raise SourceError("damaged", f"{source} holds XML that is not well-formed") from exc


def _local(name: str) -> str:
    return name.rpartition(":")[2]

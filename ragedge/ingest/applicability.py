r"""What a document, or a section of it, applies to: model, variant, market, year, revision, effective date.

A loader reads it from front matter; the settings read it from file names and headings, by regular expressions
whose named groups are the keys: ``(?P<model>X\\d+)_rev(?P<revision>[A-Z])``. What is nearer to the reader wins:
file name, then the document itself, then ``--meta``; and a section over its document.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ragedge.datatypes import Chunk, Document, MetadataValue
from ragedge.errors import ConfigError

_Region = tuple[int, int, bool, dict[str, MetadataValue]]


class Applicability:
    """Reads metadata out of names and headings.

    Args:
        file_patterns: Setting ``ingest.filename_metadata``.
        heading_patterns: Setting ``ingest.heading_metadata``.

    Raises:
        ConfigError: one is no regular expression, or names no group.
    """

    def __init__(self, file_patterns: Sequence[str], heading_patterns: Sequence[str]) -> None:
        self._files = [_compiled("ingest.filename_metadata", pattern) for pattern in file_patterns]
        self._headings = [_compiled("ingest.heading_metadata", pattern) for pattern in heading_patterns]

    def of_source(self, source: str) -> dict[str, MetadataValue]:
        """Return what a source's path says."""
        return _found(self._files, source)

    def of_sections(self, document: Document, chunks: Sequence[Chunk]) -> list[Chunk]:
        """Return the chunks with what the headings above their blocks say; an inner one wins over an outer one.

        A chunk over two sections gets what both agree in: neither's filter may let the other's text through.
        """
        if not self._headings:
            return list(chunks)
        regions = self._regions(document)
        marked = []
        for chunk in chunks:
            inside = [
                (heading, said)
                for span in chunk.spans
                for start, end, heading, said in regions[span.page_index]
                if start < span.end and span.start < end
            ]
            bodies = [said for heading, said in inside if not heading] or [said for _, said in inside][-1:]
            agreed = {
                key: value
                for key, value in (bodies[0] if bodies else {}).items()
                if all(said.get(key) == value for said in bodies)
            }
            marked.append(replace(chunk, metadata={**agreed, **chunk.metadata}) if agreed else chunk)
        return marked

    def _regions(self, document: Document) -> list[list[_Region]]:
        """Return for each page its blocks: start, end, whether it is a heading, and what applies there."""
        above: list[tuple[int, dict[str, MetadataValue]]] = []
        pages: list[list[_Region]] = []
        for page in document.pages:
            regions: list[_Region] = []
            for block in page.blocks:
                heading = block.kind == "heading"
                if heading:
                    while above and above[-1][0] >= block.level:
                        above.pop()
                    title = " ".join(page.text[block.start : block.end].split())
                    said = above[-1][1] if above else {}
                    above.append((block.level, {**said, **_found(self._headings, title)}))
                regions.append((block.start, block.end, heading, above[-1][1] if above else {}))
            pages.append(regions)
        return pages


def typed(raw: str) -> MetadataValue:
    """Return a number or boolean where text is plainly one."""
    if raw in ("true", "false"):
        return raw == "true"
    for kind in (int, float):
        try:
            value = kind(raw)
        except ValueError:
            continue
        return value if str(value) == raw else raw  # "007" and "1e3" stay as written
    return raw


def _found(patterns: Sequence[re.Pattern[str]], text: str) -> dict[str, MetadataValue]:
    said: dict[str, MetadataValue] = {}
    for pattern in patterns:
        match = pattern.search(text)
        if match is not None:
            said |= {key: typed(value) for key, value in match.groupdict().items() if value}
    return said


def _compiled(setting: str, pattern: str) -> re.Pattern[str]:
    try:
        made = re.compile(pattern)
    except re.error as exc:
        raise ConfigError(
            f"{setting}: {pattern!r} is no regular expression ({exc})", hint="see docs/applicability.md"
        ) from exc
    if not made.groupindex:
        raise ConfigError(
            f"{setting}: {pattern!r} names no group; write (?P<model>...) around what is the model",
            hint="see docs/applicability.md",
        )
    return made

"""Decides what an ingest does with each file, from what the knowledge base already holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ragedge.errors import SourceConflictError
from ragedge.ingest.scan import KEPT, Found

Action = Literal["add", "update", "keep", "rename"]


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A document that is already taken in.

    Attributes:
        sha256: Of its file's bytes.
        origin: The file it was read from.
        stamp: Of the settings it was read with.
    """

    sha256: str
    origin: str
    stamp: str

    @property
    def file_is_gone(self) -> bool:
        """Its file no longer exists; one that is kept here goes with the document alone."""
        return self.origin != KEPT and not Path(self.origin).exists()


def named(files: Iterable[Found], prefix: str) -> list[tuple[str, Found]]:
    """Return each file with its source name under a prefix."""
    head = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    return [(head + file.source, file) for file in files]


def refuse_namesakes(files: Sequence[tuple[str, Found]], known: Mapping[str, KnownSource]) -> None:
    """Refuse to let two different files take turns under one name.

    Raises:
        SourceConflictError: a source is taken by another file that still exists.
    """
    taken: dict[str, str] = {}
    for source, file in files:
        path = file.origin
        other = taken.get(source)
        old = known.get(source)
        if other is None and old is not None and not old.file_is_gone:
            other = old.origin
        if other is not None and other != path:
            raise SourceConflictError(
                f"{source!r} is already taken by {_told(other)}; {_told(path)} would replace it",
                hint=f"ingest it with --prefix NAME, or first: ragedge remove {source}",
            )
        taken[source] = path


def _told(origin: str) -> str:
    return "an uploaded file" if origin == KEPT else origin


def action(source: str, sha256: str, stamp: str, known: Mapping[str, KnownSource]) -> tuple[Action, str]:
    """Return what to do with a file, and the source it is kept under until now."""
    old = known.get(source)
    if old is not None:
        return ("keep" if (old.sha256, old.stamp) == (sha256, stamp) else "update"), source
    for name, record in known.items():
        if (record.sha256, record.stamp) == (sha256, stamp) and record.file_is_gone:
            return "rename", name
    return "add", source


def deleted(folders: Sequence[Path], known: Mapping[str, KnownSource]) -> list[str]:
    """Return the sources whose files were below one of the folders and are gone."""
    return [
        source
        for source, record in known.items()
        if record.file_is_gone and any(Path(record.origin).is_relative_to(folder) for folder in folders)
    ]

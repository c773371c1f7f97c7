"""Other chunks of the same documents, in a temporary knowledge base inside the folder of the one that is tuned."""

from __future__ import annotations

import secrets
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ragedge import opening
from ragedge.errors import SourceError
from ragedge.privacy.keys import KEY_BYTES

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

NEEDS_INGEST = "ingest."
_FOLDER = ".tuning"


@contextmanager
def rechunked(kb: KnowledgeBase, changes: Mapping[str, Any]) -> Iterator[KnowledgeBase]:
    """Read a knowledge base's files again under other settings; what was read is deleted at the end.

    Args:
        kb: Whose files; they must be where they were ingested from.
        changes: Settings of ``ingest``.

    Raises:
        SourceError: a file is not there any more.
    """
    files = source_files(kb)
    folder = kb.path / _FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # a killed run may have left it
    values = {key: item["value"] for key, item in kb.settings.as_dict().items() if item["value"] is not None}
    try:
        with opening.open(
            folder, create=True, settings={**values, **changes}, key=key_of_a_copy(kb)
        ) as other:
            for source, path in files.items():
                parent = PurePosixPath(source).parent.as_posix()
                other.ingest(path, prefix="" if parent == "." else parent)
            yield other
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def key_of_a_copy(kb: KnowledgeBase) -> bytes | None:
    """Return what encrypts a temporary copy of an encrypted knowledge base: a key that is kept nowhere."""
    return secrets.token_bytes(KEY_BYTES) if kb.encrypted else None


def source_files(kb: KnowledgeBase) -> dict[str, Path]:
    """Return the file of each source.

    Raises:
        SourceError: one is not where it was ingested from.
    """
    files: dict[str, Path] = {}
    for record in kb.store.sources():
        path = Path(record.origin)
        if not record.origin or not path.is_file() or path.name != PurePosixPath(record.source).name:
            raise SourceError(
                "not_found",
                f"the file of {record.source!r} is not where it was ingested from",
                hint="tune without --chunking, or ingest it again",
            )
        files[record.source] = path
    return files


def ingest_command(kb: KnowledgeBase, settings: Mapping[str, Any]) -> str:
    """Return the command that takes the documents in under other settings."""
    flags = " ".join(
        f"--set {key}={value}" for key, value in settings.items() if key.startswith(NEEDS_INGEST)
    )
    paths = " ".join(shlex.quote(record.origin) for record in kb.store.sources())
    return f"ragedge ingest {paths} --kb {shlex.quote(str(kb.path))} {flags}"

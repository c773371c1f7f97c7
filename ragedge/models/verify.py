"""Compares a model folder with its manifest: sizes at once, digests in full beside other work."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ragedge.errors import ModelError, ModelIntegrityError
from ragedge.models.manifest import MANIFEST_NAME, FileRecord, Manifest

_BLOCK_BYTES = 1 << 20


def record_of(path: Path) -> FileRecord:
    """Hash a file."""
    with path.open("rb") as file:
        digest, size = digest_of(file)
    return FileRecord(sha256=digest, bytes=size)


def digest_of(file: BinaryIO) -> tuple[str, int]:
    """Return the sha256 and the length of what is left in a file."""
    digest, size = hashlib.sha256(), 0
    block = bytearray(_BLOCK_BYTES)
    view = memoryview(block)
    while count := file.readinto(block):  # type: ignore[attr-defined]
        digest.update(view[:count])
        size += count
    return digest.hexdigest(), size


def size_problems(folder: Path, manifest: Manifest) -> list[str]:
    """Compare presence and length of every file; reads none of them. Each problem names its file."""
    problems = []
    for name, record in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing")
        elif path.stat().st_size != record.bytes:
            problems.append(f"{name} has {path.stat().st_size} bytes, recorded are {record.bytes}")
    return problems


def problems(folder: Path, manifest: Manifest) -> list[str]:
    """Compare every file in full, and look for files that nobody recorded. Each problem names its file."""
    found = size_problems(folder, manifest)
    named = {problem.partition(" ")[0] for problem in found}
    for name, record in sorted(manifest.files.items()):
        if name not in named and record_of(folder / name).sha256 != record.sha256:
            found.append(f"{name} differs from its recorded sha256")
    known = {*manifest.files, MANIFEST_NAME}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not path.is_dir() and name not in known:
            found.append(f"{name} is not part of the model")
    return found


def integrity_error(name: str, found: list[str]) -> ModelIntegrityError:
    """Return the error that names a model's damaged files and the command that mends it."""
    return ModelIntegrityError(
        f"model {name} is damaged: {'; '.join(found)}", hint=f"ragedge models pull {name}"
    )


@contextmanager
def checked_beside(folder: Path, manifest: Manifest) -> Iterator[None]:
    """Hash every file in a thread while the block loads the model; leave only if all digests are right.

    Hashing and loading both release the interpreter's lock and read the same pages, so on two cores the
    check costs little more than the load alone.

    Raises:
        ModelIntegrityError: a file differs. It takes the place of whatever the block raised, since damage
            is why the load failed.
    """
    found: list[str] = []
    failures: list[OSError] = []

    def check() -> None:
        try:
            found.extend(problems(folder, manifest))
        except OSError as exc:
            failures.append(exc)

    thread = threading.Thread(target=check, name="ragedge-verify", daemon=True)
    thread.start()
    try:
        yield
    except ModelError as exc:
        thread.join()
        if found:
            raise integrity_error(manifest.name, found) from exc
        raise
    thread.join()
    if failures:
        raise integrity_error(manifest.name, [f"{failures[0].filename} cannot be read"]) from failures[0]
    if found:
        raise integrity_error(manifest.name, found)

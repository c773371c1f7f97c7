"""Puts a finished model folder in its place in one step, and nothing less than finished."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ragedge import __version__
from ragedge.errors import ModelError, ModelFetchError
from ragedge.home import models_dir
from ragedge.models import store, verify
from ragedge.models.catalog import Kind
from ragedge.models.lock import exclusive
from ragedge.models.manifest import MANIFEST_NAME, DecoderFacts, EncoderFacts, Manifest, SourceRecord
from ragedge.models.store import ModelFolder


def publish(
    built: Path,
    target: Path,
    *,
    kind: Kind,
    architecture: str,
    licence: str,
    quantization: str,
    source: SourceRecord,
    encoder: EncoderFacts | None = None,
    decoder: DecoderFacts | None = None,
) -> ModelFolder:
    """Write a folder's manifest, put everything on the disk, and rename it into place.

    The caller holds the model's lock. A model of the same name is moved aside first, and back if the rename
    fails; between the two renames there is none, which a reader meets as a model that is not installed.

    Args:
        built: The compiled folder, on the same file system as the target.
        target: ``<home>/models/<name>``.
        kind: Embedder, generator or speech.
        architecture: The model's family.
        licence: SPDX identifier or the name of the terms.
        quantization: Of the compiled graph, in words.
        source: Where the weights came from.
        encoder: For an embedder.
        decoder: For a generator.
    """
    files = {
        path.relative_to(built).as_posix(): verify.record_of(path)
        for path in sorted(built.rglob("*"))
        if path.is_file()
    }
    manifest = Manifest(
        name=target.name,
        kind=kind,
        architecture=architecture,
        licence=licence,
        quantization=quantization,
        source=source,
        files=files,
        encoder=encoder,
        decoder=decoder,
        compiler=__version__,
    )
    (built / MANIFEST_NAME).write_text(manifest.to_json() + "\n", "utf-8")
    for path in built.rglob("*"):
        if path.is_file():
            _sync(path)
    _sync(built)
    aside = built.with_name(f"{built.name}.replaced")
    shutil.rmtree(aside, ignore_errors=True)
    if target.exists():
        target.replace(aside)
    try:
        built.replace(target)
    except OSError:
        if aside.exists():
            aside.replace(target)
        raise
    _sync(target.parent)
    shutil.rmtree(aside, ignore_errors=True)
    return ModelFolder(target, manifest)


def staging_of(name: str) -> Path:
    """Return the hidden folder in which a model is made; it outlives an interruption on purpose."""
    return models_dir() / ".staging" / name


@contextmanager
def workshop(name: str, needed_bytes: int, *, made_by: str, force: bool, other_name: str) -> Iterator[Path]:
    """Hold a model's lock, and hand out an empty folder to build it in that is gone afterwards.

    Args:
        name: The model's.
        needed_bytes: Room on the disk that it takes.
        made_by: What makes it, for the folder's name.
        force: Whether an installed model of that name may be replaced.
        other_name: How to avoid that, for the hint.

    Raises:
        ModelError: a model of that name is installed already.
        ModelFetchError: there is too little room, or writing failed.
    """
    with room_for(f"model {name}", needed_bytes), exclusive(store.lock_of(name)):
        if name in store.names() and not force:
            raise ModelError(
                f"a model named {name!r} is installed already",
                hint=f"{other_name}, or ragedge models remove {name}",
            )
        staging = staging_of(f"{made_by}-{name}")
        shutil.rmtree(staging, ignore_errors=True)
        built = staging / "built"
        built.mkdir(parents=True)
        try:
            yield built
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def room_for(what: str, needed_bytes: int) -> Iterator[None]:
    """Check that the disk has room, and name the disk if it fills up all the same.

    Raises:
        ModelFetchError: there is too little room, or writing failed.
    """
    folder = models_dir()
    hint = f"free {needed_bytes // 1_000_000 + 1} MB, or set RAGEDGE_HOME to a folder on a larger disk"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed_bytes:
            raise ModelFetchError(
                f"{what} needs {needed_bytes / 1e6:.0f} MB in {folder}, which has {free / 1e6:.0f} MB free",
                hint=hint,
            )
        yield
    except OSError as exc:
        place = exc.filename or folder
        raise ModelFetchError(f"{what} cannot be written: {place}: {exc.strerror or exc}", hint=hint) from exc


def _sync(path: Path) -> None:
    """Put a file, or a folder's list of names, on the disk; Windows has no such call for folders."""
    if sys.platform == "win32" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDWR if path.is_file() and sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

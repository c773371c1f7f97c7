"""The installed models: finds one by name, lists them, removes one."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ragedge.errors import ModelIntegrityError, ModelNotFoundError
from ragedge.home import models_dir
from ragedge.models import catalog, verify
from ragedge.models.lock import exclusive
from ragedge.models.manifest import MANIFEST_NAME, Manifest

# A name is a folder's name on every file system; a leading dot is kept for our own folders.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST_MANIFEST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """An installed model.

    Attributes:
        path: Its folder.
        manifest: What the folder says it holds; names and sizes of its files have been compared.
    """

    path: Path
    manifest: Manifest

    @property
    def size_bytes(self) -> int:
        """Of its files together."""
        return sum(record.bytes for record in self.manifest.files.values())

    def checked(self) -> AbstractContextManager[None]:
        """Check all digests while the block loads the model; see ``verify.checked_beside``."""
        return verify.checked_beside(self.path, self.manifest)


def check_name(name: str) -> str:
    """Return a usable model name.

    Raises:
        ValueError: it could not be a folder's name everywhere.
    """
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise ValueError(
            f"a model's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit; "
            f"got {name!r}"
        )
    return name


def folder_of(name: str) -> Path:
    """Return where a model of that name stands, installed or not."""
    return models_dir() / check_name(name)


def lock_of(name: str) -> Path:
    """Return the lock file that writers of that model hold."""
    return models_dir() / ".locks" / f"{check_name(name)}.lock"


def find(name: str) -> ModelFolder:
    """Return an installed model whose files are all there in their recorded sizes.

    Raises:
        ModelNotFoundError: it is not installed; the message lists what is.
        ModelIntegrityError: its manifest or a file is damaged.
    """
    if not _NAME.fullmatch(name) or not (models_dir() / name).is_dir():
        raise _not_installed(name)
    folder = models_dir() / name
    manifest = read_manifest(folder)
    found = verify.size_problems(folder, manifest)
    if found:
        raise verify.integrity_error(name, found)
    return ModelFolder(folder, manifest)


def model_folder(name: str) -> Path:
    """Return the folder of an installed model, once every file in it is as recorded.

    For engines outside ragedge, which read the files themselves.

    Raises:
        ModelNotFoundError: it is not installed; the hint pulls it.
        ModelIntegrityError: a file is damaged.
    """
    found = verify_model(name)
    if found:
        raise verify.integrity_error(name, found)
    return models_dir() / name


def installed() -> list[ModelFolder]:
    """Return the installed models by name; a folder with a damaged manifest is left to ``verify``."""
    folders = []
    for name in names():
        try:
            folder = models_dir() / name
            folders.append(ModelFolder(folder, read_manifest(folder)))
        except ModelIntegrityError:
            continue
    return folders


def names() -> list[str]:
    """Return the names of the folders among the models, sound or damaged, sorted."""
    if not models_dir().is_dir():
        return []
    return sorted(
        path.name for path in models_dir().iterdir() if path.is_dir() and _NAME.fullmatch(path.name)
    )


def verify_model(name: str) -> list[str]:
    """Hash every file of an installed model; return what is wrong, an empty list if nothing is.

    Raises:
        ModelNotFoundError: it is not installed.
    """
    if name not in names():
        raise _not_installed(name)
    folder = models_dir() / name
    try:
        manifest = read_manifest(folder)
    except ModelIntegrityError as exc:
        return [exc.message]
    return verify.problems(folder, manifest)


def remove(name: str) -> int:
    """Remove an installed model, and return the bytes that freed.

    Raises:
        ModelNotFoundError: it is not installed.
    """
    if name not in names():
        raise _not_installed(name)
    with exclusive(lock_of(name)):
        folder = models_dir() / name
        if not folder.is_dir():
            raise _not_installed(name)
        freed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        # Out of sight in one step, so that nobody finds a half-removed model.
        doomed = models_dir() / ".staging" / f"removed-{name}-{os.getpid()}"
        doomed.parent.mkdir(parents=True, exist_ok=True)
        folder.replace(doomed)
        shutil.rmtree(doomed)
    return freed


def read_manifest(folder: Path) -> Manifest:
    """Read a model folder's own description.

    Raises:
        ModelIntegrityError: it is missing, malformed, or names another model or a file outside the folder.
    """
    path = folder / MANIFEST_NAME
    hint = f"ragedge models pull {folder.name}"
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise ModelIntegrityError(f"{path} is too large to be a manifest", hint=hint)
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except OSError as exc:
        raise ModelIntegrityError(f"{path} is missing or cannot be read", hint=hint) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ModelIntegrityError(f"{path} is damaged: {exc}", hint=hint) from exc
    if manifest.name != folder.name:
        raise ModelIntegrityError(f"{path} describes {manifest.name!r}, not {folder.name!r}", hint=hint)
    for name in manifest.files:
        if not name or name.startswith(("/", "\\")) or ".." in Path(name).parts or ":" in name:
            raise ModelIntegrityError(
                f"{path} lists {name!r}, which is not a file inside the folder", hint=hint
            )
    if not manifest.is_as_written:
        raise ModelIntegrityError(f"{path} is damaged: it is not what was written", hint=hint)
    return msgspec.structs.replace(manifest, own_sha256=None)


def _not_installed(name: str) -> ModelNotFoundError:
    known = {entry.name for entry in catalog.entries()}
    return ModelNotFoundError(
        f"model {name!r} is not installed; installed: {', '.join(names()) or 'none'}",
        hint=f"ragedge models pull {name}" if name in known else "ragedge models list",
    )

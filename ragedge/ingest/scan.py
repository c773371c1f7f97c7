"""Finds the files that paths on the command line mean."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from ragedge.datatypes import Skipped
from ragedge.errors import SourceError

# In place of a path: the file came from memory, and lies in the knowledge base's own folder.
KEPT = "kept:"


@dataclass(frozen=True, slots=True)
class Found:
    """One file to read.

    Attributes:
        source: POSIX path relative to the folder that was named, or the file's name.
        path: Where it lies.
        root: The folder that was named, or the file's own; tells two equal sources apart.
        named: It was named itself; a file of a folder is not.
        data: Its bytes, where it came from memory; it lies nowhere then.
    """

    source: str
    path: Path
    root: Path
    named: bool
    data: bytes | None = None

    @property
    def origin(self) -> str:
        """Where it was read from, as documents note it."""
        return KEPT if self.data is not None else str(self.path.resolve())


@dataclass(slots=True)
class Scan:
    """What the paths hold. ``skipped`` are paths that cannot be read; ``folders`` those walked whole."""

    files: list[Found] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)


def scan(
    paths: Iterable[str | os.PathLike[str]], *, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Scan:
    """Walk files and folders.

    Hidden files, and folders that lead back to one above them, are left out. A pattern is matched
    against the source and against the file's name; ``**`` is not needed, ``*`` crosses slashes.

    Args:
        paths: Files and folders.
        include: Take files of folders only if one of these patterns fits; none takes all.
        exclude: Leave files of folders out if one fits.

    Returns:
        Files in the order of the paths, a folder's sorted by source; each file once.
    """
    found = Scan()
    seen: set[Path] = set()
    for given in paths:
        path = Path(given)
        name = path.name or str(path)
        try:
            resolved = path.resolve(strict=True)
        except FileNotFoundError:
            found.skipped.append(Skipped(name, "not_found", f"no such file or folder: {path}"))
            continue
        except (OSError, RuntimeError, ValueError) as exc:
            found.skipped.append(Skipped(name, "not_found", f"{path} cannot be reached ({_reason(exc)})"))
            continue
        if resolved.is_file():
            if resolved not in seen:
                seen.add(resolved)
                found.files.append(
                    Found(
                        resolved.name if path.name in ("", "..") else path.name, path, resolved.parent, True
                    )
                )
        elif resolved.is_dir():
            _walk(path, resolved, include, exclude, seen, found)
        else:
            found.skipped.append(Skipped(name, "unsupported", f"{path} is neither a file nor a folder"))
    return found


def _walk(
    folder: Path, root: Path, include: Sequence[str], exclude: Sequence[str], seen: set[Path], found: Scan
) -> None:
    """Add a folder's files, or the reason why it has none."""
    files: list[Found] = []
    refused: list[Skipped] = []
    above = {root}
    _enter(folder, root, "", above, files, refused)
    wanted = sorted(
        (file for file in files if _fits(file.source, include, exclude) and file.path.resolve() not in seen),
        key=lambda file: file.source,
    )
    seen.update(file.path.resolve() for file in wanted)
    found.files += wanted
    found.skipped += refused
    found.folders.append(root)
    if not files and not refused:
        found.skipped.append(Skipped(folder.name or str(folder), "empty", f"{folder} holds no files"))
    elif files and not any(_fits(file.source, include, exclude) for file in files):
        reason = f"none of the {len(files)} files in {folder} fits --include and --exclude"
        found.skipped.append(Skipped(folder.name or str(folder), "empty", reason))


def _enter(
    folder: Path, root: Path, prefix: str, above: set[Path], files: list[Found], refused: list[Skipped]
) -> None:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as exc:
        refused.append(
            Skipped(
                prefix.rstrip("/") or folder.name, "not_found", f"{folder} cannot be read ({_reason(exc)})"
            )
        )
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        source = prefix + entry.name
        path = folder / entry.name
        try:
            if entry.is_dir():
                resolved = path.resolve(strict=True)
                if resolved not in above:  # a link to a folder above would never end
                    _enter(path, root, source + "/", above | {resolved}, files, refused)
            elif entry.is_file():
                files.append(Found(source, path, root, False))
            elif entry.is_symlink():
                refused.append(Skipped(source, "not_found", f"{path} is a link to nothing"))
        except (OSError, RuntimeError) as exc:
            refused.append(Skipped(source, "not_found", f"{path} cannot be reached ({_reason(exc)})"))


def _fits(source: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    name = source.rpartition("/")[2]

    def any_of(patterns: Sequence[str]) -> bool:
        return any(
            fnmatchcase(source, p) or fnmatchcase(name, p) or source.startswith(p.rstrip("/") + "/")
            for p in patterns
        )

    return (not include or any_of(include)) and not any_of(exclude)


def read(found: Found, max_bytes: int) -> tuple[bytes, str]:
    """Read a file and hash it.

    Returns:
        data: Its bytes.
        sha256: Of the bytes, hexadecimal.

    Raises:
        SourceError: ``not_found`` or ``too_large``.
    """
    try:
        size = found.path.stat().st_size if found.data is None else len(found.data)
        if size > max_bytes:
            raise SourceError(
                "too_large", f"{found.source} has {size >> 20} MB; at most {max_bytes >> 20} are read",
                hint="raise ingest.max_file_mb",
            )  # fmt: skip
        data = found.path.read_bytes() if found.data is None else found.data
    except FileNotFoundError:
        raise SourceError("not_found", f"no such file: {found.path}") from None
    except OSError as exc:
        raise SourceError(
            "not_found", f"{found.path} cannot be read ({_reason(exc)})", hint="check its permissions"
        ) from exc
    return data, hashlib.sha256(data).hexdigest()


def uploaded(source: str, data: bytes) -> Found:
    """Return a file that came from memory."""
    nowhere = Path(KEPT)
    return Found(source, nowhere, nowhere, True, data)


def read_original(source: str, path: str | os.PathLike[str], sha256: str) -> bytes:
    """Return the file that a source was read from, where it still is what was read.

    Raises:
        SourceError: it is gone, or another file by now.
    """
    hint = "name it with --file PATH"
    try:
        data = Path(path).read_bytes()
    except OSError as exc:
        raise SourceError(
            "not_found", f"the file of {source!r} is not at {path} ({_reason(exc)})", hint=hint
        ) from exc
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SourceError("not_found", f"{path} is not the file that {source!r} was read from", hint=hint)
    return data


def _reason(exc: Exception) -> str:
    return (exc.strerror or type(exc).__name__) if isinstance(exc, OSError) else type(exc).__name__

"""Opens a bundle without trusting it: signature first, then names, then every byte; nothing is written meanwhile."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ragedge.bundle import tar
from ragedge.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME, BundleManifest, Part
from ragedge.bundle.signing import SIGNATURE_BYTES, signer
from ragedge.errors import BundleError
from ragedge.privacy.vault import sync_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Progress = Callable[[str, int, int | None], None]
_PIECE = 1 << 20
_MOST_MANIFEST_BYTES = 8 << 20
_HINT = "get the bundle again from whoever made it"


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest whose signature holds.

    Attributes:
        manifest: What it says.
        content: Its bytes.
        signature: Over them.
        signed_by: Id of the trusted key that made it.
    """

    manifest: BundleManifest
    content: bytes
    signature: bytes
    signed_by: str


class OpenBundle:
    """A bundle's file, its manifest read and trusted; the parts are yet to be looked at."""

    def __init__(self, file: BinaryIO, signed: SignedManifest, start: int) -> None:
        self._file = file
        self.signed = signed
        self._start = start

    @property
    def manifest(self) -> BundleManifest:
        """What it says it holds."""
        return self.signed.manifest

    def check(self, progress: Progress | None = None) -> None:
        """Read the whole file and compare it with the manifest.

        Raises:
            BundleError: a byte of it differs.
        """
        self._walk(lambda part: _nowhere, "checking", progress)

    def extract(self, folder: Path, progress: Progress | None = None) -> None:
        """Write every part into a new folder, checking it once more on the way.

        Raises:
            BundleError: a byte differs from what was checked.
            OSError: it cannot be written.
        """
        folder.mkdir(mode=0o700)
        made = {folder}
        handle: BinaryIO | None = None

        def target(part: Part) -> Callable[[bytes], object]:
            nonlocal handle
            _finish(handle)
            path = folder / part.path
            for parent in reversed([one for one in path.parents if one.is_relative_to(folder)]):
                parent.mkdir(mode=0o700, exist_ok=True)
                made.add(parent)
            handle = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            return handle.write

        try:
            self._walk(target, "unpacking", progress)
        finally:
            _finish(handle)
        for one in made:
            sync_folder(one)

    def _walk(
        self, target: Callable[[Part], Callable[[bytes], object]], stage: str, progress: Progress | None
    ) -> None:
        total = sum(part.bytes for part in self.manifest.parts)
        done = 0
        self._file.seek(self._start)
        for part in self.manifest.parts:
            if self._file.read(tar.BLOCK) != tar.header(part.path, part.bytes):
                raise BundleError("the bundle's parts are not those of its manifest", hint=_HINT)
            write = target(part)
            digest, left = hashlib.sha256(), part.bytes
            while left:
                piece = self._file.read(min(left, _PIECE))
                if not piece:
                    raise BundleError("the bundle is cut off", hint=_HINT)
                digest.update(piece)
                write(piece)
                left -= len(piece)
                done += len(piece)
                if progress is not None:
                    progress(stage, done, total)
            if digest.hexdigest() != part.sha256:
                raise BundleError(f"{part.path} in the bundle is not what was signed", hint=_HINT)
            if self._file.read(-part.bytes % tar.BLOCK) != tar.padding(part.bytes):
                raise BundleError("something stands between the parts of the bundle", hint=_HINT)
        if self._file.read(len(tar.END) + 1) != tar.END:
            raise BundleError("the bundle does not end where it should", hint=_HINT)


@contextmanager
def open_bundle(path: Path, trusted: Sequence[Ed25519PublicKey]) -> Iterator[OpenBundle]:
    """Open a bundle and trust its manifest, or refuse.

    Args:
        path: Its file.
        trusted: Public keys, one of which must have signed it.

    Raises:
        BundleError: it is no bundle, nobody who is trusted signed it, or its size is not what was signed.
    """
    if not trusted:
        raise BundleError(
            "no trusted key was given, so nothing can be trusted", hint="--trust KEY.pub, from its maker"
        )
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError as exc:
        raise BundleError(f"the bundle {path} cannot be read: {exc.strerror}", hint="check its path") from exc
    info = os.fstat(handle)
    if not stat.S_ISREG(info.st_mode):
        os.close(handle)
        raise BundleError(f"{path} is not a file", hint="name a bundle")
    with os.fdopen(handle, "rb") as file:
        content = _member(file, MANIFEST_NAME, _MOST_MANIFEST_BYTES)
        signature = _member(file, SIGNATURE_NAME, SIGNATURE_BYTES)
        # Nothing of the manifest is even parsed before somebody who is trusted stands for it.
        signed_by = signer(trusted, content, signature)
        if signed_by is None:
            raise BundleError(
                "none of the trusted keys signed this bundle", hint="check --trust with its maker"
            )
        manifest = BundleManifest.parse(content)
        start = file.tell()
        expected = start + sum(tar.padded(part.bytes) for part in manifest.parts) + len(tar.END)
        if info.st_size != expected:
            raise BundleError(f"the bundle has {info.st_size} bytes; {expected} were signed", hint=_HINT)
        yield OpenBundle(file, SignedManifest(manifest, content, signature, signed_by), start)


def _member(file: BinaryIO, name: str, most: int) -> bytes:
    block = file.read(tar.BLOCK)
    try:
        size = tar.stated_size(block)
        whole = size <= most and block == tar.header(name, size)
    except ValueError:
        whole = False
    if not whole:
        raise BundleError(f"this is no bundle: its {name} is not where it should be", hint=_HINT)
    content = file.read(size)
    if len(content) != size or file.read(-size % tar.BLOCK) != tar.padding(size):
        raise BundleError("the bundle is cut off", hint=_HINT)
    return content


def _nowhere(piece: bytes) -> None:
    """Write nothing."""


def _finish(file: BinaryIO | None) -> None:
    if file is not None and not file.closed:
        file.flush()
        os.fsync(file.fileno())
        file.close()

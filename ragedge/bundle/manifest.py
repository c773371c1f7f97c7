"""What a bundle says it holds: ``manifest.json``, the one thing that is signed."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, to_builtins

from ragedge.bundle.tar import MOST_BYTES
from ragedge.errors import BundleError
from ragedge.models.manifest import Sha256

MANIFEST_NAME, SIGNATURE_NAME = "manifest.json", "manifest.sig"
SBOM_NAME = "sbom.cdx.json"
ROWS_NAME, SETTINGS_NAME = "kb/default/kb.sqlite", "kb/default/ragedge.toml"
Kind = Literal["rows", "settings", "model", "adapter", "context", "other", "sbom"]
EXTRA_KINDS: tuple[Kind, ...] = ("adapter", "context", "other")
MOST_PARTS = 10_000
# One name on every file system: no separators but "/", no leading dot, no device names of Windows.
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I)
_LONGEST_NAME = 100
_HINT = "get the bundle again from whoever made it"

_Count = Annotated[int, Meta(ge=0)]
_BundleName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class _Fields(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Part(_Fields, frozen=True, kw_only=True):
    """One file."""

    path: str
    kind: Kind
    sha256: Sha256
    bytes: Annotated[int, Meta(ge=0, le=MOST_BYTES)]


class Licence(_Fields, frozen=True, kw_only=True):
    """Under what terms a component stands."""

    component: str
    licence: str


class Needs(_Fields, frozen=True, kw_only=True):
    """What a device must have."""

    disk_bytes: Annotated[_Count, Meta(description="For one slot, its index included.")]
    memory_bytes: Annotated[_Count, Meta(description="Estimated: models, vectors, KV cache, runtime.")]


class Rows(_Fields, frozen=True, kw_only=True):
    """What the knowledge base holds."""

    schema_version: int
    documents: _Count
    chunks: _Count
    embedder: str
    content_digest: Sha256


class BundleManifest(_Fields, frozen=True, kw_only=True):
    """A bundle's description.

    Attributes:
        version: Grows with every release; a lower one is not installed over a higher one.
        models: Fingerprint of each model, by name.
        plugins: What the device must have installed besides ragedge, as ``kind:name``.
        abstain_below: The threshold of abstaining in force, for people to read; it stands in the rows.
    """

    format: Literal["ragedge-bundle-1"] = "ragedge-bundle-1"
    name: _BundleName
    version: Annotated[int, Meta(ge=1, le=2**53)]
    ragedge: str
    rows: Rows
    models: dict[str, Sha256]
    plugins: tuple[str, ...]
    abstain_below: float
    needs: Needs
    licences: tuple[Licence, ...]
    parts: tuple[Part, ...]

    def as_bytes(self) -> bytes:
        """Return the content of ``manifest.json``: the only one that says this."""
        return (json.dumps(to_builtins(self), indent=1, sort_keys=True) + "\n").encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> BundleManifest:
        """Read and check a manifest whose signature holds.

        Raises:
            BundleError: it is malformed, or names a part that may not be where it says.
        """
        try:
            manifest = msgspec.json.decode(data, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise BundleError("the bundle's manifest is malformed", hint=_HINT) from exc
        if manifest.as_bytes() != data:
            raise BundleError("the bundle's manifest is not written as one is", hint=_HINT)
        check_parts(manifest.parts)
        return manifest


def check_parts(parts: tuple[Part, ...]) -> None:
    """Check where parts would be written, and that no two would meet there.

    Raises:
        BundleError: a name is not allowed, or used twice, or is another's folder; or what must be there is not.
    """
    if len(parts) > MOST_PARTS:
        raise BundleError(f"the bundle names {len(parts)} parts; {MOST_PARTS} are allowed", hint=_HINT)
    paths = [part.path for part in parts]
    if paths != sorted(paths):
        raise BundleError("the bundle's parts are not in order", hint=_HINT)
    taken: set[str] = set()
    for part in parts:
        check_place(part.path, part.kind)
        folded = part.path.casefold()
        if folded in taken:
            raise BundleError("two parts of the bundle have the same name", hint=_HINT)
        taken.add(folded)
    for path in taken:
        pieces = path.split("/")
        if any("/".join(pieces[:length]) in taken for length in range(1, len(pieces))):
            raise BundleError("a part of the bundle stands where another needs a folder", hint=_HINT)
    for needed in (ROWS_NAME, SBOM_NAME):
        if needed not in paths:
            raise BundleError(f"the bundle holds no {needed}", hint=_HINT)


def check_place(path: str, kind: Kind) -> None:
    """Check that a part of its kind may have that path.

    Raises:
        BundleError: it may not; the path is shown as Python writes it.
    """
    segments = path.split("/")
    usable = len(path) <= _LONGEST_NAME and all(
        _SEGMENT.fullmatch(segment) and not segment.endswith(".") and not _DEVICE.fullmatch(segment)
        for segment in segments
    )
    if kind == "model":
        placed = len(segments) >= 3 and segments[0] == "models"
    elif kind in EXTRA_KINDS:
        placed = len(segments) >= 3 and segments[:2] == ["parts", kind]
    else:
        placed = path == {"rows": ROWS_NAME, "settings": SETTINGS_NAME, "sbom": SBOM_NAME}[kind]
    if not (usable and placed):
        raise BundleError(f"a part of kind {kind} may not be at {path[:_LONGEST_NAME]!a}", hint=_HINT)

"""Makes a bundle of a knowledge base and the models it answers with."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge import __version__
from ragedge.bundle import tar
from ragedge.bundle.manifest import (
    EXTRA_KINDS,
    MANIFEST_NAME,
    ROWS_NAME,
    SBOM_NAME,
    SETTINGS_NAME,
    SIGNATURE_NAME,
    BundleManifest,
    Kind,
    Licence,
    Needs,
    Part,
    Rows,
    check_parts,
    check_place,
)
from ragedge.bundle.reading import Progress
from ragedge.bundle.sbom import sbom
from ragedge.bundle.signing import sign
from ragedge.calibration.calibrate import in_force
from ragedge.errors import BundleError
from ragedge.extras import require
from ragedge.index.portable import make_portable
from ragedge.models import store as model_store
from ragedge.models.manifest import MANIFEST_NAME as MODEL_MANIFEST
from ragedge.models.verify import integrity_error, record_of
from ragedge.privacy.vault import DATABASE, SETTINGS, sync_folder
from ragedge.toml_text import as_toml

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.models.manifest import Manifest
    from ragedge.models.store import ModelFolder

_PIECE = 1 << 20
# Python, onnxruntime and the tokenizers, resident before a model is loaded.
_RUNTIME_BYTES = 200_000_000
_BUILT_IN = "onnx"


@dataclass(frozen=True, slots=True)
class Extra:
    """A file that travels along: an adapter, a context compiled for one chip, or another."""

    kind: Kind
    file: Path
    licence: str = "unstated"


def create(
    kb: KnowledgeBase,
    output: Path,
    *,
    name: str,
    version: int,
    key: Ed25519PrivateKey,
    extras: Sequence[Extra] = (),
    licences: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> BundleManifest:
    """Write a bundle; the same rows, models and settings give the same bytes.

    Args:
        kb: The knowledge base. The bundle holds its rows readable, whether they are encrypted here or not.
        output: The file; must not be there.
        name: Of the line of bundles; one folder of slots takes one line.
        version: Higher than that of every bundle before.
        key: Signs it.
        extras: What travels along.
        licences: Terms of sources, by name, to be listed.
        progress: Called with a stage, how much of it is done, and how much there is.

    Raises:
        BundleError: the file is there, a part may not travel, or the name or version is not allowed.
        ModelError: a model is not installed, or damaged.
        MissingExtraError: the extra ``bundle`` is not installed.
    """
    require("bundle", "cryptography", "cyclonedx")
    if output.exists():
        raise BundleError(
            f"there is something at {output}", hint="name a file that does not exist with --out"
        )
    try:
        making = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    except OSError as exc:
        raise BundleError(
            f"nothing can be written beside {output}: {exc.strerror}", hint="name another --out"
        ) from exc
    try:
        files = _files(kb, making, extras)
        models = _models(kb)
        terms = [
            Licence(component=f"model {one.manifest.name}", licence=one.manifest.licence)
            for one in models.values()
        ]
        terms += [Licence(component=_extra_path(one), licence=one.licence) for one in extras]
        terms += [
            Licence(component=f"document {source}", licence=text) for source, text in (licences or {}).items()
        ]
        parts = [_part(path, kind, file) for path, (kind, file) in sorted(files.items())]
        listed = sbom(name, version, parts, {key: one.manifest for key, one in models.items()}, terms)
        (making / SBOM_NAME).write_bytes(listed)
        files[SBOM_NAME] = ("sbom", making / SBOM_NAME)
        parts = sorted([*parts, _part(SBOM_NAME, "sbom", making / SBOM_NAME)], key=lambda part: part.path)
        check_parts(tuple(parts))
        manifest = BundleManifest(
            name=name, version=version, ragedge=__version__, rows=_rows(kb),
            models={one: folder.manifest.fingerprint for one, folder in sorted(models.items())},
            plugins=_plugins(kb),
            abstain_below=in_force(kb.store, kb.settings).config.generate.abstain_below,
            needs=_needs(kb, parts, [one.manifest for one in models.values()]),
            licences=tuple(sorted(terms, key=lambda one: one.component)), parts=tuple(parts),
        )  # fmt: skip
        content = manifest.as_bytes()
        BundleManifest.parse(content)  # name and version, as whoever installs it will check them
        _write(
            making / "bundle",
            content,
            sign(key, content),
            parts,
            {k: f for k, (_, f) in files.items()},
            progress,
        )
        (making / "bundle").rename(output)
        sync_folder(output.parent)
    except OSError as exc:
        raise BundleError(f"{output} cannot be written: {exc.strerror}", hint="check the disk") from exc
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return manifest


def _files(kb: KnowledgeBase, making: Path, extras: Sequence[Extra]) -> dict[str, tuple[Kind, Path]]:
    """Return what goes in, by its path there: its kind, and where it is now."""
    vault = kb.store.vault
    copy = vault.copy_plain(making / "rows")
    make_portable(copy)
    found: dict[str, tuple[Kind, Path]] = {ROWS_NAME: ("rows", making / "rows" / DATABASE)}
    # As they are in force here, wherever they were given; tuned values lie in the rows.
    given = {
        key: fact["value"]
        for key, fact in kb.settings.as_dict().items()
        if fact["origin"] in ("file", "flag")
    }
    if given:
        (making / SETTINGS).write_text(as_toml(given), encoding="utf-8", newline="")
        found[SETTINGS_NAME] = ("settings", making / SETTINGS)
    for name, folder in _models(kb).items():
        problems = model_store.verify_model(name)
        if problems:
            raise integrity_error(name, problems)
        for file in (MODEL_MANIFEST, *folder.manifest.files):
            found[f"models/{name}/{file}"] = ("model", folder.path / file)
    for extra in extras:
        path = _extra_path(extra)
        if extra.kind not in EXTRA_KINDS:
            raise BundleError(
                f"a part is one of {', '.join(EXTRA_KINDS)}, not {extra.kind!r}", hint="--part adapter=FILE"
            )
        check_place(path, extra.kind)
        if path in found or not extra.file.is_file():
            raise BundleError(f"{extra.file} is no file, or is named twice", hint="--part KIND=FILE")
        found[path] = (extra.kind, extra.file)
    return found


def _extra_path(extra: Extra) -> str:
    return f"parts/{extra.kind}/{extra.file.name}"


def _models(kb: KnowledgeBase) -> dict[str, ModelFolder]:
    """Return the installed models that this knowledge base answers with, by name."""
    config = kb.config
    names = []
    if config.embed.embedder == _BUILT_IN:
        names.append(config.embed.model)
    if config.generate.generator == _BUILT_IN:
        names.append(config.generate.model)
    return {name: model_store.find(name) for name in dict.fromkeys(names)}


def _plugins(kb: KnowledgeBase) -> tuple[str, ...]:
    chosen = {"embedder": kb.config.embed.embedder, "generator": kb.config.generate.generator}
    return tuple(f"{kind}:{name}" for kind, name in chosen.items() if name not in (_BUILT_IN, "none"))


def _rows(kb: KnowledgeBase) -> Rows:
    counts = kb.store.counts()
    return Rows(
        schema_version=kb.store.schema_version, documents=counts.documents, chunks=counts.chunks,
        embedder=kb.store.embedder.fingerprint, content_digest=kb.store.content_digest(),
    )  # fmt: skip


def _needs(kb: KnowledgeBase, parts: Sequence[Part], models: Sequence[Manifest]) -> Needs:
    """Estimate what a device must have; rounded up, and the same for the same bundle."""
    vectors = kb.store.counts().chunks * kb.store.embedder.dim
    graph = kb.store.counts().chunks * (kb.config.index.m * 8 + 4 * kb.store.embedder.dim)
    loaded = sum(record.bytes for model in models for record in model.files.values())
    cache = sum(
        2 * 4 * facts.layers * facts.kv_heads * facts.head_dim * kb.config.generate.context_window
        for facts in (model.decoder for model in models)
        if facts is not None
    )
    disk = sum(tar.padded(part.bytes) for part in parts) + graph
    return Needs(
        disk_bytes=_rounded(disk), memory_bytes=_rounded(_RUNTIME_BYTES + loaded + cache + vectors + graph)
    )


def _rounded(size: int) -> int:
    return -(-size // 1_000_000) * 1_000_000


def _part(path: str, kind: Kind, file: Path) -> Part:
    record = record_of(file)
    return Part(path=path, kind=kind, sha256=record.sha256, bytes=record.bytes)


def _write(
    target: Path,
    manifest: bytes,
    signature: bytes,
    parts: Sequence[Part],
    files: Mapping[str, Path],
    progress: Progress | None,
) -> None:
    total, done = sum(part.bytes for part in parts), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as archive:
        for name, content in ((MANIFEST_NAME, manifest), (SIGNATURE_NAME, signature)):
            archive.write(tar.header(name, len(content)) + content + tar.padding(len(content)))
        for part in parts:
            archive.write(tar.header(part.path, part.bytes))
            digest, size = hashlib.sha256(), 0
            with files[part.path].open("rb") as file:
                while piece := file.read(_PIECE):
                    archive.write(piece)
                    digest.update(piece)
                    size += len(piece)
                    done += len(piece)
                    if progress is not None:
                        progress("packing", done, total)
            if (digest.hexdigest(), size) != (part.sha256, part.bytes):
                raise BundleError(f"{part.path} changed while it was packed", hint="run it again")
            archive.write(tar.padding(size))
        archive.write(tar.END)
        archive.flush()
        os.fsync(archive.fileno())

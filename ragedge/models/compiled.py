"""The static graphs made of installed models, and what backends compiled of them: a cache under the home.

``<home>/compiled/<model>/<key>/`` holds graphs and their weights; the key is over the model's fingerprint, the
scheme, the lengths and this module's version. Below it ``<backend>-<key>/`` holds what a backend compiled, its key
over target, provider options and versions. Ranges are drawn from texts that are passed in; of those nothing is
kept but the least and greatest of each tensor.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ragedge.errors import ModelError, ModelNotFoundError, ProviderUnavailableError
from ragedge.home import home_dir
from ragedge.models.lock import exclusive
from ragedge.models.store import ModelFolder, lock_of

if TYPE_CHECKING:
    from ragedge.models.compile.static.steps import Scheme
    from ragedge.protocols import Backend
    from ragedge.runtime.static_decoder import StaticDecoder

FORMAT = 1
ENCODER_LENGTHS = (32, 128, 256)
_WEIGHTS, _NOTE = "weights.data", "static.json"


class GraphRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One static graph."""

    file: str
    length: int
    nodes: int


class StaticRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a folder of static graphs says of itself."""

    format: int
    model: str
    fingerprint: str
    scheme: str
    texts: int
    graphs: tuple[GraphRecord, ...]


@dataclass(frozen=True, slots=True)
class StaticModel:
    """Static graphs of one installed model."""

    path: Path
    record: StaticRecord

    @property
    def size_bytes(self) -> int:
        """Of graphs and weights together."""
        return sum(path.stat().st_size for path in self.path.iterdir() if path.is_file())

    def graph(self, record: GraphRecord) -> Path:
        """Return a graph's file."""
        return self.path / record.file


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a backend compiled of one static graph."""

    path: Path
    target: str
    bytes: int
    seconds: float


def find_static(folder: ModelFolder, scheme: Scheme) -> StaticModel | None:
    """Return the static graphs of a model, if they were made and are whole."""
    path = _static_path(folder, scheme)
    try:
        record = msgspec.json.decode((path / _NOTE).read_bytes(), type=StaticRecord)
    except (OSError, msgspec.DecodeError):
        return None
    whole = record.format == FORMAT and all((path / one.file).is_file() for one in record.graphs)
    return StaticModel(path, record) if whole else None


def require_static(folder: ModelFolder, backend: Backend) -> StaticModel:
    """Return the static graphs that a backend runs.

    Raises:
        ModelNotFoundError: they were not made yet; the hint makes them.
    """
    found = find_static(folder, scheme_of(backend))
    if found is None:
        raise ModelNotFoundError(
            f"model {folder.manifest.name!r} was not compiled for backend {backend.name!r}",
            hint=f"ragedge backends compile {backend.name} --model {folder.manifest.name}",
        )
    return found


def scheme_of(backend: Backend) -> Scheme:
    """Return the rounding that a backend wants.

    Raises:
        ModelError: it names one that is not known.
    """
    from ragedge.models.compile.static.steps import SCHEMES

    for scheme in SCHEMES:
        if backend.quantization == scheme:
            return scheme
    raise ModelError(
        f"backend {backend.name!r} wants {backend.quantization!r}; known are {', '.join(SCHEMES)}",
        hint="set runtime.backend_options",
    )


def make_static(folder: ModelFolder, scheme: Scheme, texts: Sequence[str], *, threads: int) -> StaticModel:
    """Make the static graphs of a model, in one step: the folder appears whole or not at all.

    Args:
        folder: The installed model.
        scheme: How values are rounded; ``float`` needs no texts.
        texts: Passages of the user's own; 32 to 128 are enough.
        threads: For the runs that find the ranges.

    Raises:
        UnsupportedModelError: its family has no static graph.
        ModelError: there are no texts to find ranges with.
    """
    if scheme != "float" and not texts:
        raise ModelError(
            f"{scheme} needs texts of yours to find the ranges of its values",
            hint="give --kb DIR, whose passages are taken, or --texts FILE",
        )
    from ragedge.models.compile.static import build

    target = _static_path(folder, scheme)
    staging = target.with_name(f".{target.name}.making")
    with exclusive(lock_of(folder.manifest.name)):
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        if folder.manifest.encoder is not None:
            built = build.encoder(folder, scheme, texts, ENCODER_LENGTHS, staging / _WEIGHTS, threads=threads)
        else:
            built = build.decoder(folder, scheme, texts, staging / _WEIGHTS, threads=threads)
        record = StaticRecord(
            format=FORMAT,
            model=folder.manifest.name,
            fingerprint=folder.manifest.fingerprint,
            scheme=scheme,
            texts=len(texts),
            graphs=tuple(GraphRecord(file=file, length=length, nodes=nodes) for file, length, nodes in built),
        )
        (staging / _NOTE).write_bytes(msgspec.json.format(msgspec.json.encode(record)))
        shutil.rmtree(target, ignore_errors=True)
        staging.replace(target)
    return StaticModel(target, record)


def find_compiled(
    static: StaticModel, graph: GraphRecord, backend: Backend, target: str | None
) -> Compiled | None:
    """Return what a backend compiled of a graph under its present options and versions."""
    path = _compiled_path(static, backend, target) / graph.file
    try:
        note = json.loads(path.with_suffix(".json").read_bytes())
        return Compiled(path, target or "", int(note["bytes"]), float(note["seconds"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def compile_for(
    static: StaticModel, graphs: Iterable[GraphRecord], backend: Backend, target: str | None
) -> list[Compiled]:
    """Compile graphs for a chip, each once for the backend's present options and versions.

    Raises:
        ProviderUnavailableError: the provider is not here, or refuses a node.
    """
    from ragedge.runtime.context_binary import compile_context

    made = []
    for graph in graphs:
        found = find_compiled(static, graph, backend, target)
        if found is None:
            out = _compiled_path(static, backend, target)
            out.mkdir(parents=True, exist_ok=True)
            path = out / graph.file
            for old in out.glob(f"{path.stem}[._]*"):
                old.unlink()
            started = time.perf_counter()
            compile_context(static.graph(graph), backend, path, target=target)
            seconds = time.perf_counter() - started
            if not path.is_file():
                raise ProviderUnavailableError(f"{backend.provider} left no compiled graph of {graph.file}")
            size = sum(one.stat().st_size for one in out.glob(f"{path.stem}[._]*"))
            path.with_suffix(".json").write_text(json.dumps({"bytes": size, "seconds": seconds}), "utf-8")
            found = Compiled(path, target or "", size, seconds)
        made.append(found)
    return made


def open_decoder(folder: ModelFolder, backend: Backend, *, threads: int) -> StaticDecoder:
    """Open a generator's static graphs on a backend, what was compiled of them where it was.

    Raises:
        ModelNotFoundError: the graphs were not made yet; the hint makes them.
        ProviderUnavailableError: the backend cannot run them.
    """
    from ragedge.models.compile.static.build import DECODER_CONTEXT
    from ragedge.models.compile.static.decoder import chunk_feed, group_count, key_order
    from ragedge.models.compile.static.installed import InstalledWeights
    from ragedge.runtime.session import open_session
    from ragedge.runtime.static_decoder import StaticDecoder

    facts = folder.manifest.decoder
    assert facts is not None
    static = require_static(folder, backend)
    weights = InstalledWeights(folder.path)
    groups, order = group_count(weights), key_order(weights, facts.head_dim)
    del weights
    context = min(DECODER_CONTEXT, facts.context_length)
    sessions = {}
    for graph in static.record.graphs:
        ready = find_compiled(static, graph, backend, None)
        path = static.graph(graph) if ready is None else ready.path
        sessions[graph.length] = open_session(path, backend, threads=threads)
    return StaticDecoder(
        sessions,
        facts,
        context,
        lambda ids, held, chunk: chunk_feed(ids, held, chunk=chunk, context=context, groups=groups),
        facts.layers,
        order,
    )


def _static_path(folder: ModelFolder, scheme: Scheme) -> Path:
    key = _digest(
        {"fingerprint": folder.manifest.fingerprint, "format": FORMAT, "lengths": list(ENCODER_LENGTHS)}
    )
    return home_dir() / "compiled" / folder.manifest.name / f"{scheme}-{key}"


def _compiled_path(static: StaticModel, backend: Backend, target: str | None) -> Path:
    from ragedge.protocols import TargetCompiler

    options = backend.provider_options()
    if target is not None and isinstance(backend, TargetCompiler):
        options = backend.target_options(target)
    key = _digest(
        {"target": target, "options": dict(options), "versions": dict(backend.versions()),
         "device": dict(backend.device_metadata())}
    )  # fmt: skip
    return static.path / f"{backend.name}-{key}"


def _digest(value: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]

"""``backends``: where models can run, compiled for it, and how far its results are from the processor's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ragedge.cli import output
from ragedge.cli.command import command, config_option, json_option, kb_option
from ragedge.cli.passages import passages, spread

if TYPE_CHECKING:
    from ragedge.measure.parity import Parity
    from ragedge.models.compiled import Compiled, StaticModel
    from ragedge.models.store import ModelFolder
    from ragedge.protocols import Backend

CALIBRATION_TEXTS = 64


class _Size(NamedTuple):
    """How much is compared."""

    texts: int
    length: int
    positions: int


@click.group()
def backends() -> None:
    """Show where models can run, compile them for it, and compare the results."""


@backends.command("list")
@json_option
@command()
def list_(as_json: bool) -> None:
    """List the installed backends, whether each can run here, and why not."""
    from ragedge import plugins
    from ragedge.errors import RagedgeError

    rows = []
    for name in sorted(plugins.installed("backend")):
        try:
            probe = plugins.create("backend", name).probe()
            rows.append(
                {
                    "name": name,
                    "available": probe.available,
                    "reason": probe.reason,
                    "devices": list(probe.devices),
                }
            )
        except RagedgeError as exc:
            rows.append({"name": name, "available": False, "reason": exc.message, "devices": []})
    if as_json:
        output.write_json({"schema": 1, "backends": rows})
        return
    cells = [(str(row["name"]), "yes" if row["available"] else "no", str(row["reason"])) for row in rows]
    output.write(output.table(cells, ("BACKEND", "AVAILABLE", "WHY")))


def _choices(body: Callable[..., Any]) -> Callable[..., Any]:
    """Add what check and compile share."""
    for option in (
        click.option(
            "--texts", "texts_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
            help="Passages of yours, one a line, in place of a knowledge base's.",
        ),
        config_option,
        kb_option,
        click.option(
            "--option", "options", multiple=True, metavar="KEY=VALUE",
            help="What the backend is told, as in runtime.backend_options; repeatable.",
        ),
        click.option(
            "--target", "targets", multiple=True, metavar="CHIP",
            help="Compile for this chip, such as 43/73; repeatable. [default: this device]",
        ),
        click.option(
            "--model", "models", multiple=True, metavar="NAME",
            help="An installed model; repeatable. [default: minilm-l6]",
        ),
        click.argument("name"),
    ):  # fmt: skip
        body = option(body)
    return body


@backends.command("compile")
@_choices
@click.option("--force", is_flag=True, help="Make the static graphs anew, from these texts.")
@json_option
@command()
def compile_(
    name: str, models: tuple[str, ...], targets: tuple[str, ...], options: tuple[str, ...], kb_path: Path | None,
    config_file: Path | None, texts_file: Path | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compile models for a backend: static graphs with ranges from your texts, and what its compiler makes of them."""
    from ragedge.models import compiled, store

    backend = _backend(name, options)
    rows: list[dict[str, Any]] = []
    for folder in map(store.find, models or ("minilm-l6",)):
        static = _static(folder, backend, kb_path, config_file, texts_file, force=force)
        row = _static_row(static)
        row["compiled"] = [
            {
                "target": one.target,
                "graph": one.path.name,
                "bytes": one.bytes,
                "seconds": round(one.seconds, 3),
            }
            for target in _targets(backend, targets)
            for one in compiled.compile_for(static, static.record.graphs, backend, target)
        ]
        rows.append(row)
    if as_json:
        output.write_json({"schema": 1, "backend": name, "models": rows})
        return
    for row in rows:
        output.write(f"{row['model']}: {row['quantization']}, {row['bytes'] / 1e6:.0f} MB at {row['path']}")
        for one in row["compiled"]:
            chip = one["target"] or "this device"
            output.write(f"  {chip}: {one['graph']}, {one['bytes'] / 1e6:.1f} MB in {one['seconds']:.1f} s")


@backends.command()
@_choices
@click.option(
    "--against",
    type=click.Choice(["cpu"]),
    default="cpu",
    show_default=True,
    help="What it is compared with.",
)
@click.option(
    "--count", type=click.IntRange(2, 10_000), default=16, show_default=True, help="Texts compared."
)
@click.option(
    "--positions",
    type=click.IntRange(2, 511),
    default=200,
    show_default=True,
    help="A generator's tokens compared.",
)
@click.option(
    "--length", type=click.IntRange(8), default=128, show_default=True, help="Tokens of an embedder's graph."
)
@json_option
@command()
def check(
    name: str, models: tuple[str, ...], targets: tuple[str, ...], options: tuple[str, ...], kb_path: Path | None,
    config_file: Path | None, texts_file: Path | None, against: str, count: int, positions: int, length: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Tell whether a backend can run here, which nodes it takes, and how far its results are from the processor's."""
    from ragedge.models import compiled, store

    backend = _backend(name, options)
    probe = backend.probe()
    if not probe.available:
        if as_json:
            nothing: list[Any] = []
            output.write_json(
                {
                    "schema": 1,
                    "available": False,
                    "reason": probe.reason,
                    "models": nothing,
                    "compiled": nothing,
                }
            )
        else:
            output.write(f"{name}: not here: {probe.reason}")
        return 1
    compared: list[Parity] = []
    made: list[dict[str, Any]] = []
    for folder in map(store.find, models or ("minilm-l6",)):
        if backend.graph_profile == "dynamic":
            continue
        texts = passages(kb_path, config_file, texts_file)
        static = _static(folder, backend, kb_path, config_file, texts_file)
        graphs = [one for one in static.record.graphs if folder.manifest.decoder or one.length == length]
        for target in _targets(backend, targets) if targets else ():
            made += [
                _loaded(folder, static, one, backend, texts[0])
                for one in compiled.compile_for(static, graphs, backend, target)
            ]
        size = _Size(count, length, positions)
        compared += _compared(folder, static, backend, texts, size, targets[0] if targets else None)
    whole = all(not one.elsewhere for one in compared) and all(one["loaded"] for one in made)
    if as_json:
        rows = [one.as_dict() for one in compared]
        output.write_json(
            {
                "schema": 1,
                "available": True,
                "reason": probe.reason,
                "against": against,
                "models": rows,
                "compiled": made,
            }
        )
    else:
        _write(name, probe.reason, compared, made)
    return 0 if whole else 1


def _compared(
    folder: ModelFolder,
    static: StaticModel,
    backend: Backend,
    texts: list[str],
    size: _Size,
    target: str | None,
) -> list[Parity]:
    from ragedge.measure.decoder_parity import decoder_parity
    from ragedge.measure.parity import encoder_parity
    from ragedge.runtime.threads import thread_count

    threads = thread_count(0)
    if folder.manifest.encoder is None:
        return decoder_parity(
            folder, static, backend, texts, positions=size.positions, threads=threads, target=target
        )
    return [
        encoder_parity(
            folder,
            static,
            backend,
            spread(texts, size.texts),
            length=size.length,
            threads=threads,
            target=target,
        )
    ]


def _loaded(
    folder: ModelFolder, static: StaticModel, one: Compiled, backend: Backend, text: str
) -> dict[str, Any]:
    """Load what was compiled, and say how it went and how near its result is to the processor's."""
    from ragedge.errors import ProviderUnavailableError
    from ragedge.measure.parity import compiled_cosine
    from ragedge.runtime.session import open_session
    from ragedge.runtime.threads import thread_count

    row: dict[str, Any] = {"target": one.target, "bytes": one.bytes, "seconds": round(one.seconds, 3)}
    cosine = None
    try:
        if folder.manifest.encoder is None:
            open_session(one.path, backend, threads=thread_count(0), target=one.target or None)
        else:
            cosine = compiled_cosine(folder, static, one, backend, text, threads=thread_count(0))
    except ProviderUnavailableError as exc:
        return {**row, "loaded": False, "cosine": None, "reason": exc.message}
    return {**row, "loaded": True, "cosine": cosine, "reason": ""}


def _write(name: str, reason: str, compared: list[Parity], made: list[dict[str, Any]]) -> None:
    output.write(f"{name}: {reason}")
    for one in made:
        near = "" if one["cosine"] is None else f", cosine {one['cosine']:.4f}"
        how = f"loads{near}" if one["loaded"] else f"does not load: {one['reason']}"
        output.write(
            f"  compiled for {one['target']}: {one['bytes'] / 1e6:.1f} MB in {one['seconds']:.1f} s, {how}"
        )
    for row in compared:
        output.write(f"{row.model}, {row.graph}: {row.nodes_on_backend} of {row.nodes} nodes on it")
        for node in row.elsewhere[:20]:
            output.write(f"  not on it: {node['name']} ({node['operator']}), on {node['provider']}")
        if len(row.elsewhere) > 20:
            output.write(f"  and {len(row.elsewhere) - 20} more (--json lists all)")
        near = f"cosine {row.cosine_mean:.4f} mean, {row.cosine_min:.4f} least to the processor's run"
        beside = f"{row.cosine_installed or 0:.4f} to the installed graph"
        if row.retrieval_overlap is not None:
            kept = f"{row.retrieval_overlap:.0%} of nearest passages kept"
            output.write(f"  {row.texts} texts: {near}; {beside}; {kept}")
        else:
            first = (
                "none differs"
                if row.first_divergence is None
                else f"the first other one at {row.first_divergence}"
            )
            agreed = f"{row.top1_agreement or 0:.1%} of likeliest tokens the same ({first})"
            output.write(f"  {row.texts} positions: {near}; {beside}; {agreed}")
        output.write(f"  loads in {row.load_seconds:.1f} s, {row.seconds * 1000:.0f} ms a run")


def _backend(name: str, options: tuple[str, ...]) -> Backend:
    from ragedge import plugins

    told = {}
    for pair in options:
        key, equals, value = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--option")
        told[key.strip()] = value.strip()
    backend: Backend = plugins.create("backend", name, told)
    return backend


def _targets(backend: Backend, named: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return what to compile for; a backend without a compiler for other chips compiles as it loads."""
    from ragedge.errors import ConfigError
    from ragedge.protocols import TargetCompiler

    if isinstance(backend, TargetCompiler):
        return named or (None,)
    if named:
        raise ConfigError(
            f"backend {backend.name!r} compiles for no other chip than this device's",
            hint="leave --target out",
        )
    return ()


def _static(
    folder: ModelFolder, backend: Backend, kb_path: Path | None, config_file: Path | None, texts_file: Path | None,
    *, force: bool = False,
) -> StaticModel:  # fmt: skip
    """Return a model's static graphs, made from the user's texts where they are not there yet."""
    from ragedge.errors import ConfigError
    from ragedge.models import compiled
    from ragedge.runtime.threads import thread_count

    if backend.graph_profile == "dynamic":
        raise ConfigError(
            f"backend {backend.name!r} runs the installed graph: there is nothing to compile",
            hint="ragedge models list",
        )
    scheme = compiled.scheme_of(backend)
    found = None if force else compiled.find_static(folder, scheme)
    if found is None:
        texts = (
            [] if scheme == "float" else spread(passages(kb_path, config_file, texts_file), CALIBRATION_TEXTS)
        )
        output.note(f"making {scheme} graphs of {folder.manifest.name} from {len(texts)} texts")
        found = compiled.make_static(folder, scheme, texts, threads=thread_count(0))
    return found


def _static_row(static: StaticModel) -> dict[str, Any]:
    graphs = [{"graph": one.file, "length": one.length, "nodes": one.nodes} for one in static.record.graphs]
    return {
        "model": static.record.model,
        "quantization": static.record.scheme,
        "path": str(static.path),
        "texts": static.record.texts,
        "bytes": static.size_bytes,
        "graphs": graphs,
    }

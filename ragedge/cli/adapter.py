"""``adapter``: LoRA adapters of the generator; they stay in the knowledge base."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ragedge.cli import output
from ragedge.cli.answers import session_name
from ragedge.cli.command import command, kb_options, open_kb

name_argument = click.argument("name", callback=session_name)


@click.group()
def adapter() -> None:
    """Add LoRA adapters to the generator; `ragedge ask --adapter NAME` writes with one.

    They are private data of the knowledge base: in its rows, encrypted with it.
    """


@adapter.command("add")
@name_argument
@click.argument("folder", type=click.Path(path_type=Path))
@kb_options
@command()
def add(name: str, folder: Path, kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Take in FOLDER, as PEFT saves an adapter, under NAME; its matrices are kept in 8 bits."""
    with open_kb(kb_path, config_file) as kb:
        kb.adapters.add(name, folder, kb.config.generate.model)
    if as_json:
        output.write_json({"schema": 1, "added": name})
    else:
        output.write(f"added      {name}")


@adapter.command("list")
@kb_options
@command()
def list_adapters(kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """List them, with the model that each is for."""
    with open_kb(kb_path, config_file) as kb:
        rows: list[dict[str, Any]] = [
            {"name": name, "model": kb.adapters.model(name), "bytes": len(kb.adapters.read(name))}
            for name in kb.adapters.names()
        ]
    if as_json:
        output.write_json({"schema": 1, "adapters": rows})
        return
    for row in rows:
        output.write(f"{row['name']}  for {row['model']}, {row['bytes'] / 1e6:.1f} MB")


@adapter.command("remove")
@name_argument
@kb_options
@command()
def remove(name: str, kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Remove one."""
    with open_kb(kb_path, config_file) as kb:
        kb.adapters.remove(name)
    if as_json:
        output.write_json({"schema": 1, "removed": name})
    else:
        output.write(f"removed    {name}")

"""``index``: the vector graph and the full text, which follow from the rows."""

from __future__ import annotations

from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb
from ragedge.cli.progress import progress_bar


@click.group()
def index() -> None:
    """Look after the vector index."""


@index.command()
@kb_options
@command()
def rebuild(kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Build the vector index and the full text anew from the stored rows."""
    with open_kb(kb_path, config_file) as kb, progress_bar(enabled=not as_json) as progress:
        facts = kb.rebuild_index(progress=progress)
    if as_json:
        output.write_json({"schema": 1, "index": facts})
    else:
        output.write(f"rebuilt: {facts['kind']}, {facts['count']} vectors")

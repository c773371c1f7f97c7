"""``redaction``: what would be taken for personal data, and what was."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, json_option, kb_options, one_line, open_kb
from ragedge.errors import SourceError
from ragedge.protocols import Redactor


@click.group()
def redaction() -> None:
    """Look at what redaction finds, and undo its tokens.

    Redaction is off unless `privacy.redactors` names a plugin; see docs/privacy.md.
    """


@redaction.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@json_option
@click.option("--redactor", default="patterns", show_default=True, metavar="NAME", help="Redactor plugin.")
@command()
def check(file: Path, as_json: bool, redactor: str) -> None:
    """Show what a redactor finds in FILE, a text in UTF-8 ('-' reads standard input)."""
    from ragedge.plugins import create

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SourceError("unsupported", f"{file} cannot be read as text in UTF-8") from exc
    made: Redactor = create("redactor", redactor)
    found = made.find(text)
    if as_json:
        rows = [{"kind": data.kind, "start": data.start, "end": data.end} for data in found]
        output.write_json({"schema": 1, "found": rows})
        return
    for data in found:
        line = text.count("\n", 0, data.start) + 1
        output.write(f"line {line:>5}  {data.kind:<8} {one_line(text[data.start : data.end])}")
    output.note(f"{len(found)} found")


@redaction.command()
@click.argument("tokens", nargs=-1, required=True)
@kb_options
@command()
def reveal(tokens: tuple[str, ...], kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Show what stood where TOKENS stand now, such as '[email 3f9a2c41d0]'."""
    with open_kb(kb_path, config_file) as kb:
        found = kb.store.redacted_values(tokens)
    if as_json:
        output.write_json({"schema": 1, "values": found, "unknown": sorted(set(tokens) - set(found))})
        return
    for token in tokens:
        output.write(f"{token}  {one_line(found.get(token, 'unknown'))}")

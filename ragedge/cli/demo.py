"""``demo``: the whole way on a manual, in one command."""

from __future__ import annotations

from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.answers import print_answer
from ragedge.cli.command import command, kb_option, one_line, open_kb
from ragedge.cli.progress import progress_bar
from ragedge.errors import SourceError


@click.command()
@click.argument("manual", type=click.Path(path_type=Path))
@click.option("--question", multiple=True, required=True, metavar="TEXT", help="What to ask; repeatable.")
@kb_option
@command()
def demo(manual: Path, question: tuple[str, ...], kb_path: Path | None) -> None:
    """Take in MANUAL, then answer questions about it, showing each step."""
    with open_kb(kb_path, None, create=True) as kb:
        with progress_bar(enabled=True) as progress:
            report = kb.ingest(manual, progress=progress)
        if not report.accepted:
            skipped = report.skipped[0]
            raise SourceError(
                skipped.code,
                f"{skipped.source}: {skipped.reason}",
                hint="name a PDF, Markdown, HTML or text file",
            )
        read = (
            f"{report.pages} pages, {report.chunks} chunks in {report.seconds:.1f} s"
            if report.pages
            else "already taken in"
        )
        output.write(f"{one_line(manual.name)}: {read}\n")
        for text in question:
            output.write(f"Q: {one_line(text)}")
            print_answer(kb, text, (), {}, explain=False)
            output.write()

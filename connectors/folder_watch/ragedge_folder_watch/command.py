"""``ragedge-watch``: the folder watch as a command."""

from __future__ import annotations

import json
import signal
import sys
import threading
from pathlib import Path

import click

import ragedge
from ragedge.errors import RagedgeError
from ragedge_folder_watch import watch


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--kb", "kb_path", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Knowledge base."
)
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Metadata for every document; repeatable.")
@click.option("--include", multiple=True, metavar="GLOB", help="Take only files that match; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave out files that match; repeatable.")
@click.option("--prefix", default="", metavar="NAME", help="Put NAME/ before each source.")
@click.option(
    "--settle",
    type=click.FloatRange(0.05, 3600),
    default=2.0,
    show_default=True,
    help="Seconds without a change before an ingest.",
)
@click.option("--poll", is_flag=True, help="Look again and again, for file systems that tell of no change.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object for each ingest.")
def main(
    folder: Path,
    kb_path: Path,
    meta: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    prefix: str,
    settle: float,
    poll: bool,
    as_json: bool,
) -> None:
    """Keep a knowledge base in step with FOLDER until interrupted."""
    metadata = {}
    for pair in meta:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE", param_hint="--meta")
        metadata[key.strip()] = value.strip()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with ragedge.open(kb_path, create=True, egress="process") as kb:
            for report in watch(
                kb, folder, metadata=metadata, include=include, exclude=exclude, prefix=prefix,
                settle_s=settle, poll=poll, stop=stop,
            ):  # fmt: skip
                click.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else _line(report))
                sys.stdout.flush()
    except RagedgeError as exc:
        click.echo(f"ragedge-watch: {exc}", err=True)
        sys.exit(1)


def _line(report: ragedge.IngestReport) -> str:
    parts = [
        f"{verb} {len(items)}"
        for verb, items in (
            ("added", report.added),
            ("updated", report.updated),
            ("renamed", report.renamed),
            ("removed", report.removed),
            ("skipped", report.skipped),
        )
        if items
    ]
    return ", ".join(parts) or f"{len(report.unchanged)} unchanged"


if __name__ == "__main__":
    main()

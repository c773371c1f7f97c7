"""``ingest``, ``status`` and ``remove``: what is in the knowledge base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import (
    EXIT_FAILED,
    command,
    json_option,
    kb_option,
    kb_options,
    one_line,
    open_kb,
    parse_metadata,
    parse_settings,
    set_option,
)
from ragedge.cli.progress import progress_bar

if TYPE_CHECKING:
    from ragedge.datatypes import IngestReport


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@kb_options
@set_option
@click.option(
    "--meta",
    multiple=True,
    metavar="KEY=VALUE",
    help="Metadata for every document taken in, such as model=X1; repeatable.",
)
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Take only files of a folder that match; repeatable."
)
@click.option(
    "--exclude", multiple=True, metavar="GLOB", help="Leave out files of a folder that match; repeatable."
)
@click.option(
    "--prefix",
    metavar="NAME",
    default="",
    help="Put NAME/ before each source, to keep equal names of two folders apart.",
)
@click.option(
    "--workers", type=click.IntRange(1, 64), metavar="N", help="Parse N files at a time [default: 1]."
)
@click.option("--encrypt", is_flag=True, help="Encrypt a new knowledge base; see docs/privacy.md.")
@click.option(
    "--key-store", metavar="NAME", help="With --encrypt: the plugin that guards its key, such as keyring."
)
@click.option("--strict", is_flag=True, help="Exit with 1 if anything was skipped.")
@command()
def ingest(
    paths: tuple[Path, ...],
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    meta: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    prefix: str,
    workers: int | None,
    encrypt: bool,
    key_store: str | None,
    strict: bool,
) -> int:
    """Take in manuals: PDF, DOCX, EPUB, Markdown, HTML, CSV or text files, or folders of them.

    Unchanged files are left alone, changed ones replaced, and files that have gone from an ingested folder
    are removed. Makes the knowledge base if there is none.
    """
    metadata = parse_metadata(meta, "--meta")
    flags = parse_settings(settings) | ({"ingest.workers": workers} if workers else {})
    with (
        open_kb(
            kb_path, config_file, create=True, settings=flags, encrypt=encrypt, key_store=key_store
        ) as kb,
        progress_bar(enabled=not as_json) as progress,
    ):
        report = kb.ingest(
            *paths, metadata=metadata, include=include, exclude=exclude, prefix=prefix, progress=progress
        )
    if as_json:
        output.write_json(report.as_dict())
    else:
        print_report(report)
    if not report.accepted:
        output.note("ragedge: nothing was taken in")
        return EXIT_FAILED
    named_paths = {path.name for path in paths} | {str(path) for path in paths}
    refused = [item for item in report.skipped if item.source.removeprefix(f"{prefix}/") in named_paths]
    if refused or (strict and report.skipped):
        output.note(f"ragedge: {len(refused) or len(report.skipped)} files could not be taken in")
        return EXIT_FAILED
    return 0


def _ranges(pages: Sequence[int]) -> str:
    """Return page numbers in short: 1-3, 7, 9-12 and so on; at most eight runs."""
    runs: list[list[int]] = []
    for page in pages:
        if runs and page == runs[-1][1] + 1:
            runs[-1][1] = page
        else:
            runs.append([page, page])
    shown = ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in runs[:8])
    return f"{'pages' if len(pages) > 1 else 'page'} {shown}{' ...' if len(runs) > 8 else ''}"


def print_report(report: IngestReport) -> None:
    """Print what an ingest did."""
    for verb, sources in (
        ("added", report.added),
        ("updated", report.updated),
        ("unchanged", report.unchanged),
        ("removed", report.removed),
    ):
        for source in sources:
            output.write(f"{verb:<10} {one_line(source)}")
    for renamed in report.renamed:
        output.write(f"{'renamed':<10} {one_line(renamed.old)} -> {one_line(renamed.new)}")
    for item in report.skipped:
        named = item.reason if item.source in item.reason else f"{item.source}: {item.reason}"
        output.write(f"{'skipped':<10} {one_line(named)} [{item.code}]")
    for unread in report.unread_pages:
        output.write(
            f"{'not read':<10} {one_line(unread.source)}: {len(unread.pages)} pages are images without text "
            f"({_ranges(unread.pages)})"
        )
    for hint in dict.fromkeys(unread.hint for unread in report.unread_pages):
        output.write(f"{'':<10} {hint}")
    for scanned in report.ocr_pages:
        output.write(f"{'by OCR':<10} {one_line(scanned.source)}: {len(scanned.pages)} pages")
    for hidden in report.hidden_text:
        output.write(
            f"{'hidden':<10} {one_line(hidden.source)}: {hidden.characters} characters that nobody sees on "
            f"{_ranges(hidden.pages)} ({', '.join(hidden.reasons)}), kept out of search and answers"
        )
    for redacted in report.redacted:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(redacted.kinds.items()))
        output.write(f"{'redacted':<10} {one_line(redacted.source)}: {counts}")
    for planted in report.instructions:
        output.write(
            f"{'suspicious':<10} {one_line(planted.source)}: {_ranges(planted.pages)} "
            "speak to whoever writes answers; such sentences are not followed"
        )
    output.write(
        f"{report.documents} documents, {report.pages} pages, {report.chunks} chunks in {report.seconds:.1f} s"
    )


@click.command()
@kb_options
@command()
def status(kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Show what is in the knowledge base, and every setting with its origin."""
    with open_kb(kb_path, config_file) as kb:
        facts = kb.status()
        path = kb.path
    if as_json:
        output.write_json(facts)
        return
    embedder, index = facts["embedder"], facts["index"]
    output.write(f"knowledge base  {path}")
    size = f"{facts['pages']} pages, {facts['chunks']} chunks, {facts['bytes'] / 1e6:.1f} MB"
    output.write(f"documents       {facts['documents']} ({size})")
    output.write(
        f"embedder        {embedder['name']} ({embedder['dim']} dimensions, {embedder['fingerprint'][:12]})"
    )
    output.write(f"index           {index['kind']}, {index['state']}, {index['count']} vectors")
    output.write(f"abstains        below {_abstention(facts['abstention'])}")
    output.write(f"encrypted       {'yes' if facts['encrypted'] else 'no'}")
    for row in facts["sources"]:
        extra = "".join(f" {key}={value}" for key, value in row["metadata"].items())
        if row["superseded_by"]:
            extra += f", replaced by {row['superseded_by']}"
        output.write(
            f"  {one_line(row['source'])}  {row['pages']} pages, {row['chunks']} chunks{one_line(extra)}"
        )
    changed = {key: item for key, item in facts["settings"].items() if item["origin"] != "default"}
    for key, item in changed.items():
        output.write(f"  {key} = {item['value']}  ({item['origin']})")


def _abstention(facts: dict[str, Any]) -> str:
    """Say the threshold and, where it was fitted here, how well it did."""
    if facts["by"] != "calibration":
        return f"{facts['threshold']:g} ({facts['by']})"
    shares = ", ".join(
        f"{name} {facts[name]['value']:.2f} ({facts[name]['low']:.2f} to {facts[name]['high']:.2f})"
        for name in ("precision", "recall")
        if facts[name]["value"] is not None
    )
    return f"{facts['threshold']:g} (calibrated on {facts['questions']} questions made here: {shares})"


@click.command()
@click.argument("sources", nargs=-1, required=True)
@kb_option
@json_option
@command()
def remove(sources: tuple[str, ...], kb_path: Path | None, as_json: bool) -> None:
    """Remove documents by their source name, as `ragedge status` lists it."""
    with open_kb(kb_path, None) as kb:
        removed = kb.remove(*sources)
    if as_json:
        output.write_json({"schema": 1, "removed": removed})
    else:
        for source in removed:
            output.write(f"removed    {one_line(source)}")

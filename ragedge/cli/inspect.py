"""``inspect``: what was read from a document, as text, as JSON, or as a page to look at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, one_line, open_kb
from ragedge.errors import RagedgeError

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase


@click.command()
@click.argument("source")
@kb_options
@click.option("--page", type=click.IntRange(min=1), help="Only this page, counted from 1.")
@click.option(
    "--html", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
    help="Write one HTML page to look at: each page as it is printed beside what was read from it.",
)  # fmt: skip
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), metavar="PATH",
    help="Where SOURCE's file is now, for --html, if it has moved since it was ingested.",
)  # fmt: skip
@command()
def inspect(
    source: str,
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    page: int | None,
    html: Path | None,
    file: Path | None,
) -> None:
    """Show what was read from SOURCE: text, blocks and chunks, as the answers see it."""
    with open_kb(kb_path, config_file) as kb:
        pages = kb.inspect(source, page=page)
        if html is not None:
            _write_html(kb, source, pages, page, html, file, as_json=as_json)
            return
    if as_json:
        output.write_json(
            {"schema": 1, **pages[0]} if page is not None else {"schema": 1, "source": source, "pages": pages}
        )
        return
    for item in pages:
        _print_page(item)


def _print_page(item: dict[str, Any]) -> None:
    """Print a page block by block, then where its chunks begin and end and under which headings they stand."""
    label = f" (printed {item['page_label']})" if item["page_label"] else ""
    output.write(
        f"--- page {item['page'] or '-'}{label}: {len(item['blocks'])} blocks, {len(item['chunks'])} chunks"
    )
    for block in item["blocks"]:
        hidden = f" hidden: {block['hidden']}" if block["hidden"] else ""
        output.write(f"[{block['kind']} {block['start']}:{block['end']}{hidden}]")
        output.write(block["text"])
    for chunk in item["chunks"]:
        path = one_line(" > ".join(chunk["heading"]))
        carried = f"  with: {one_line(chunk['context'])}" if chunk["context"] else ""
        output.write(f"(chunk {chunk['chunk_id']} {chunk['start']}:{chunk['end']}) {path}{carried}".rstrip())


def _write_html(
    kb: KnowledgeBase, source: str, pages: list[dict[str, Any]], page: int | None, out: Path, file: Path | None,
    *, as_json: bool,
) -> None:  # fmt: skip
    """Write the page, with pictures where they can be made; why they cannot is said in it and here."""
    from ragedge.cli.inspection_html import render

    pictures, missing = _pictures(kb, source, pages, file)
    text = render(source, pages, first=page or 1, pictures=pictures, missing=missing)
    partial = out.with_name(f"{out.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(out)
    except OSError as exc:
        partial.unlink(missing_ok=True)
        raise RagedgeError(f"{out} cannot be written ({exc.strerror})", hint="name another file") from exc
    if missing:
        output.note(f"ragedge: no pictures of pages: {one_line(missing)}")
    if as_json:
        output.write_json({"schema": 1, "html": str(out), "pages": len(pages), "pictures": len(pictures)})
    else:
        output.write(f"{out}: {len(pages)} pages, {len(pictures)} of them beside their picture")


def _pictures(
    kb: KnowledgeBase, source: str, pages: list[dict[str, Any]], file: Path | None
) -> tuple[dict[int, str], str]:
    """Return pictures by page number, as addresses that hold them, and why there are none or fewer."""
    from ragedge.ingest.render import PdfPictures

    numbers = [item["page"] for item in pages if item["page"] is not None]
    if not numbers:
        return {}, ""
    found: dict[int, str] = {}
    try:
        data = kb.original(source, file=file)
        if b"%PDF-" not in data[:1024]:
            return {}, ""
        drawn = PdfPictures(data, source)
        for number in numbers:
            found[number] = drawn.data_uri(number - 1)
    except RagedgeError as exc:
        return found, str(exc)
    return found, ""

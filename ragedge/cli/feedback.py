"""``feedback``: which pages were right or wrong for a question; it stays in the knowledge base."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, one_line, open_kb
from ragedge.errors import SourceError


@click.group()
def feedback() -> None:
    """Say which page was right or wrong for a question; `ragedge tune` learns from it.

    Questions and verdicts stay in the knowledge base, and go with the document they are about.
    """


@feedback.command("add")
@click.argument("question")
@kb_options
@click.option("--source", required=True, metavar="NAME", help="The document, as `ragedge status` lists it.")
@click.option(
    "--page", type=click.IntRange(min=1), help="Its page, counted from 1 [default: the whole document]."
)
@click.option(
    "--right/--wrong", "right", required=True, default=None, help="The page answers it, or does not."
)
@command()
def add(
    question: str, kb_path: Path | None, config_file: Path | None, as_json: bool,
    source: str, page: int | None, right: bool,
) -> None:  # fmt: skip
    """Store that a page is right, or wrong, for QUESTION."""
    from ragedge.question_text import clean_question

    with open_kb(kb_path, config_file) as kb:
        try:
            number = kb.store.learned.add_feedback(clean_question(question), source, page, right=right)
        except LookupError as exc:
            raise SourceError("not_found", str(exc), hint="ragedge status lists documents and pages") from exc
        kb.record("feedback add", number=number, right=right)
    if as_json:
        output.write_json({"schema": 1, "id": number})
    else:
        output.write(f"noted as {number}")


@feedback.command("list")
@kb_options
@command()
def list_feedback(kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Show what was said, oldest first."""
    with open_kb(kb_path, config_file) as kb:
        found = kb.store.learned.feedback()
    if as_json:
        output.write_json({"schema": 1, "feedback": [item.as_dict() for item in found]})
        return
    for item in found:
        page = f", page {item.page}" if item.page is not None else ""
        verdict = "right" if item.right else "wrong"
        output.write(f"{item.id:>4}  {verdict}  {one_line(item.source)}{page}: {one_line(item.question)}")


@feedback.command("remove")
@click.argument("numbers", nargs=-1, required=True, type=int)
@kb_options
@command()
def remove(numbers: tuple[int, ...], kb_path: Path | None, config_file: Path | None, as_json: bool) -> None:
    """Take back verdicts by the NUMBERS that `ragedge feedback list` shows."""
    with open_kb(kb_path, config_file) as kb:
        removed = [number for number in numbers if kb.store.learned.remove_feedback(number)]
        if removed:
            kb.record("feedback remove", count=len(removed))
    missing = sorted(set(numbers) - set(removed))
    if as_json:
        output.write_json({"schema": 1, "removed": removed, "unknown": missing})
    else:
        output.write(
            f"{len(removed)} removed" + (f"; not there: {', '.join(map(str, missing))}" if missing else "")
        )


@feedback.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@kb_options
@click.option("--yes", is_flag=True, help="Write without asking.")
@command()
def export(file: Path, kb_path: Path | None, config_file: Path | None, as_json: bool, yes: bool) -> None:
    """Write the right pages to FILE as questions that `ragedge eval` and `tune` read, after showing what leaves."""
    from ragedge.privacy.redaction.configured import redaction

    with open_kb(kb_path, config_file) as kb:
        found = [item for item in kb.store.learned.feedback() if item.right]
        pages = len({(item.source, item.page) for item in found})
        redacted = redaction(kb.config.privacy)
        asked = "with personal data taken out" if redacted else "as they were asked"
        output.note(f"{file} will hold {len(found)} questions {asked}, and {pages} pages' names.")
        if not yes:
            click.confirm("Write it?", abort=True, err=True)
        kb.record("feedback export", questions=len(found))
    lines = [
        json.dumps(
            {"question": redacted.text(item.question) if redacted else item.question, "source": item.source}
            | ({"pages": [item.page]} if item.page else {}),
            ensure_ascii=False,
        )
        for item in found
    ]
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if as_json:
        output.write_json({"schema": 1, "file": str(file), "questions": len(found)})
    else:
        output.write(f"{len(found)} questions written to {file}")

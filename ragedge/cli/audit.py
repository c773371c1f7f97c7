"""``audit``: what was done with a knowledge base, shown, checked and taken along; it holds no content."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, one_line, open_kb

if TYPE_CHECKING:
    from ragedge.index.audit import AuditLog
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.privacy.audit_chain import Head


@click.group()
def audit() -> None:
    """Show and check the log of what was done; `privacy.audit = true` in ragedge.toml keeps one.

    It holds times, actions, counts, decisions, and keyed digests of questions, names and passages; no text.
    """


@audit.command()
@kb_options
@click.option(
    "--expect", metavar="COUNT:TAG", help="A head that was noted elsewhere; the log must hold it still."
)
@command()
def verify(kb_path: Path | None, config_file: Path | None, as_json: bool, expect: str | None) -> int:
    """Look for records that were changed, moved, inserted, dropped or cut off; exits with 1 if there are any."""
    expected = _head(expect)
    with open_kb(kb_path, config_file) as kb:
        checks = kb.store.audit.verify(expected)
        head = kb.store.audit.head()
    ok = all(check.ok for check in checks)
    if as_json:
        shown = [asdict(check) for check in checks]
        output.write_json({"schema": 1, "ok": ok, "checks": shown, "head": str(head)})
    else:
        for check in checks:
            output.write(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<10} {check.detail}")
            if not check.ok and check.mend:
                output.write(f"     try: {check.mend}")
        output.write(f"head {head}")
    return 0 if ok else 1


@audit.command()
@kb_options
@click.option(
    "--last", type=click.IntRange(min=1), default=20, show_default=True, help="So many of the newest."
)
@click.option("--question", metavar="TEXT", help="Only records of this question, in these very words.")
@command()
def show(
    kb_path: Path | None, config_file: Path | None, as_json: bool, last: int, question: str | None
) -> None:
    """Show records, oldest first; digests of documents that are still here are shown by their names."""
    from ragedge.question_text import clean_question

    with open_kb(kb_path, config_file) as kb:
        log = kb.store.audit
        records = [record.as_dict() for record in log.records()]
        if question is not None:
            wanted = log.digest("question", clean_question(question))
            records = [record for record in records if record.get("question") == wanted and wanted]
        names = known_sources(kb, log)
    records = records[-last:]
    if as_json:
        output.write_json({"schema": 1, "records": records, "names": names})
        return
    for record in records:
        output.write(one_line(described(record, names)))
    if not records:
        output.write("nothing was recorded")


@audit.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@kb_options
@click.option("--yes", is_flag=True, help="Write without asking.")
@command()
def export(file: Path, kb_path: Path | None, config_file: Path | None, as_json: bool, yes: bool) -> None:
    """Write the log to FILE as JSON lines, after showing what leaves; its head is to be noted elsewhere."""
    with open_kb(kb_path, config_file) as kb:
        count = kb.store.audit.head().count
        output.note(
            f"{file} will hold {count} records: times, actions, counts, and digests under a key that stays here."
        )
        if not yes:
            click.confirm("Write it?", abort=True, err=True)
        kb.record("audit export", records=count)
        records, head = kb.store.audit.records(), kb.store.audit.head()
    lines = [
        json.dumps({"number": one.number, "log": one.log, "body": one.body, "tag": one.tag.hex()})
        for one in records
    ]
    file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if as_json:
        output.write_json({"schema": 1, "file": str(file), "records": len(records), "head": str(head)})
    else:
        output.write(f"{len(records)} records written to {file}\nhead {head}")


def known_sources(kb: KnowledgeBase, log: AuditLog) -> dict[str, str]:
    """Return the names of the documents that are here, by their digest in the log."""
    named = {log.digest("source", record.source): record.source for record in kb.store.sources()}
    return {digest: name for digest, name in named.items() if digest is not None}


def described(record: dict[str, Any], names: dict[str, str]) -> str:
    """Return a record in one line."""
    parts = [f"{record['number']:>6}  {record['time']}  {record['action']:<14}"]
    if "question" in record:
        parts.append(f"question {str(record['question'])[:8]}")
    decision = record.get("decision") or {}
    if "hits" in decision:
        parts.append(f"{decision['hits']} hits")
    if "method" in decision:
        told = f"abstained: {decision['abstained']}" if decision["abstained"] else decision["method"]
        parts.append(f"{told}{', closed' if decision['closed'] else ''}")
    for key in ("added", "updated", "removed", "skipped", "renamed", "sources"):
        if record.get(key):
            parts.append(f"{key} " + ", ".join(names.get(one, one[:8]) for one in record[key]))
    if "ms" in record:
        parts.append(f"{record['ms']['total']:g} ms")
    return "  ".join(parts)


def _head(text: str | None) -> Head | None:
    from ragedge.privacy.audit_chain import Head

    try:
        return None if text is None else Head.parse(text)
    except ValueError as exc:
        raise click.BadParameter(
            "it is not COUNT:TAG, as audit verify prints it", param_hint="--expect"
        ) from exc

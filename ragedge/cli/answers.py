"""``search`` and ``ask``: questions in, passages or an answer out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import (
    EXIT_FAILED,
    command,
    fail,
    kb_options,
    one_line,
    open_kb,
    parse_settings,
    set_option,
)
from ragedge.errors import QuestionError, RagedgeError
from ragedge.question_text import checked_name

if TYPE_CHECKING:
    from ragedge.datatypes import Answer, Explanation, ScoredChunk, SearchResult
    from ragedge.knowledge_base import KnowledgeBase

where_option = click.option(
    "--where",
    multiple=True,
    metavar="K=V",
    help="Only documents or sections whose metadata matches (=, >=, <=); repeatable.",
)


def session_name(_ctx: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Check a session's name where it is typed."""
    try:
        return None if value is None else checked_name(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from None


@click.command()
@click.argument("question")
@kb_options
@set_option
@click.option("--top-k", type=click.IntRange(1, 100), help="How many passages.")
@where_option
@command()
def search(
    question: str,
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    top_k: int | None,
    where: tuple[str, ...],
) -> int:
    """Find the passages that bear on QUESTION, best first; `-` reads one question a line."""
    with open_kb(kb_path, config_file, settings=parse_settings(settings)) as kb:
        if question == "-":
            return answer_lines(
                lambda item: kb.search(item["question"], top_k=top_k, where=item["where"] or where).as_dict()
            )
        hits = kb.search(question, top_k=top_k, where=where)
    if as_json:
        output.write_json(hits.as_dict())
    else:
        print_hits(hits)
    return 0


@click.command()
@click.argument("question")
@kb_options
@set_option
@where_option
@click.option("--generator", metavar="NAME|none", help="Generator plugin; none answers by quoting alone.")
@click.option("--max-new-tokens", type=click.IntRange(1, 4096), help="Longest answer.")
@click.option(
    "--budget-ms", type=click.IntRange(min=1), help="Quote instead of generating once this time is spent."
)
@click.option("--seed", type=int, help="Makes sampling repeatable.")
@click.option(
    "--session",
    metavar="NAME",
    callback=session_name,
    help="The conversation that the question belongs to; a new name begins one.",
)
@click.option("--adapter", metavar="NAME", help="The knowledge base's adapter that writes.")
@click.option("--explain", is_flag=True, help="Show evidence, checks, decision and timings too.")
@command()
def ask(
    question: str,
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    where: tuple[str, ...],
    generator: str | None,
    max_new_tokens: int | None,
    budget_ms: int | None,
    seed: int | None,
    session: str | None,
    adapter: str | None,
    explain: bool,
) -> int:
    """Answer QUESTION from the manuals, with the page; `-` reads one question a line."""
    flags = parse_settings(settings)
    if generator is not None:
        flags["generate.generator"] = generator
    options: dict[str, Any] = {
        "max_new_tokens": max_new_tokens, "budget_ms": budget_ms, "seed": seed, "session": session,
        "adapter": adapter,
    }  # fmt: skip
    with open_kb(kb_path, config_file, settings=flags) as kb:
        if question == "-":
            return answer_lines(
                lambda item: kb.ask(
                    item["question"],
                    where=item["where"] or where,
                    **options | {"session": item["session"] or session},
                ).as_dict()
            )
        if as_json:
            with kb.stream(question, where=where, **options) as stream:
                shown = stream.result().as_dict()
                output.write_json(shown | ({"explain": stream.explain().as_dict()} if explain else {}))
        else:
            print_answer(kb, question, where, options, explain=explain)
    return 0


def answer_lines(respond: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Answer each line of standard input with one JSON object on one line; a bad line is an error object."""
    status = 0
    for item in question_lines():
        try:
            if isinstance(item, RagedgeError):
                raise item
            output.write_json(respond(item))
        except RagedgeError as exc:
            fail(exc, as_json=True)
            status = EXIT_FAILED
    return status


def question_lines() -> Iterator[dict[str, Any] | QuestionError]:
    """Yield each non-empty line of standard input: plain text, or JSON with ``question``, ``where``, ``session``."""
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", errors="replace").strip()
        if not line:
            continue
        if not line.startswith("{"):
            yield {"question": line, "where": (), "session": None}
            continue
        try:
            value = json.loads(line)
        except ValueError:
            yield {"question": line, "where": (), "session": None}  # a question may begin with a brace
            continue
        question, where = value.get("question"), value.get("where") or ()
        if isinstance(where, dict):
            where = tuple(f"{key}={item}" for key, item in where.items())
        session = value.get("session")
        if not isinstance(question, str) or not all(isinstance(item, str) for item in where):
            yield QuestionError(
                "a JSON line needs 'question' (text) and may have 'where' (an object, or a list of K=V) "
                "and 'session' (a name)"
            )
            continue
        try:
            yield {"question": question, "where": tuple(where), "session": session and checked_name(session)}
        except ValueError as exc:
            yield QuestionError(str(exc))


def print_hits(hits: SearchResult) -> None:
    """Print passages for reading."""
    if not hits:
        output.write("nothing found")
    for hit in hits:
        output.write(f"{hit.rank}. {describe(hit)}  score {hit.score:.3f}")
        for line in hit.text.strip().splitlines()[:12]:
            output.write(f"   {one_line(line)}")
        output.write()
    for note in hits.notes.values():
        output.write(f"Note: {one_line(note)}")


def describe(hit: ScoredChunk) -> str:
    """Return where a passage stands, in words."""
    page = f", page {hit.page}" if hit.page is not None else ""
    label = f" (printed {hit.page_label})" if hit.page_label not in (None, str(hit.page)) else ""
    heading = f": {' > '.join(hit.heading)}" if hit.heading else ""
    return one_line(f"{hit.source}{page}{label}{heading}")


def print_answer(
    kb: KnowledgeBase, question: str, where: tuple[str, ...], options: dict[str, Any], *, explain: bool
) -> None:
    """Print an answer sentence by sentence as it is verified, then what carries it."""
    places: dict[str, int] = {}
    with kb.stream(question, where=where, **options) as stream:  # interrupted, it is recorded all the same
        for text in stream:
            cited = dict.fromkeys(str(stream.citations[i]) for i in stream.sentences[-1].citations)
            marks = "".join(f" [{places.setdefault(place, len(places) + 1)}]" for place in cited)
            output.write(f"{text}{marks}")
        answer = stream.result()
        explanation = stream.explain() if explain else None
    if answer.abstained:
        output.write(answer.text)
    for notice in answer.safety:
        output.write(f"\n{notice.kind.upper()}: {one_line(notice.text)}")
    if places:
        output.write()
    for place, number in places.items():
        output.write(f"[{number}] {one_line(place)}")
    for line in answer.notes:
        output.write(f"Note: {one_line(line)}")
    for line in answer.degraded:
        output.note(f"note: {line}")
    if explanation is not None:
        print_explanation(answer, explanation)


def print_explanation(answer: Answer, explanation: Explanation) -> None:
    """Print the decision, the evidence, the checks, the passages and the timings behind an answer."""
    asked = f"asked for: {explanation.form}, by {', '.join(explanation.terms) or 'nothing'}"
    output.write(
        f"\n{asked}" + (f"; in no passage: {', '.join(explanation.missing)}" if explanation.missing else "")
    )
    verdict = f"abstained: {explanation.reason}" if explanation.reason else "answered"
    output.write(
        f"decision: {verdict}; confidence {explanation.confidence:.2f}, least {explanation.threshold:.2f}; "
        f"method {answer.method}, model {answer.model or 'none'}"
    )
    output.write(
        "  " + ", ".join(f"{name} {value:.2f}" for name, value in explanation.features.items() if value)
    )
    output.write("evidence (* quoted):")
    for note in explanation.evidence:
        near = "-" if note.similarity is None else f"{note.similarity:.2f}"
        other = ", of another variant" if note.conflict else ""
        output.write(
            f"{'*' if note.quoted else ' '} {note.score:.2f} (words {note.coverage:.2f}, vector {near}{other}) "
            f"{note.kind}, {note.source}{'' if note.page is None else f', page {note.page}'}: {one_line(note.text)}"
        )
    output.write("checks:")
    for check in explanation.checks:
        output.write(
            f"  {check.origin} {check.outcome if check.stands else 'dropped: ' + check.outcome}: {one_line(check.text)}"
        )
    output.write("passages:")
    for hit in answer.passages:
        why = hit.why
        ranks = f"dense {why.dense_rank or '-'}, text {why.text_rank or '-'}, score {hit.score:.3f}"
        output.write(f"  {hit.rank}. {describe(hit)}  {ranks}")
    times = answer.timings
    output.write(
        f"retrieve {times.retrieve_ms:.0f} ms, first text {times.ttft_ms:.0f} ms, total {times.total_ms:.0f} ms, "
        f"prompt {times.prompt_tokens} tokens ({times.cached_tokens} cached), {times.new_tokens} new"
    )

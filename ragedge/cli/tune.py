"""``tune``: fits the search to the documents and their questions, on the device."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb, parse_settings, set_option
from ragedge.cli.progress import progress_bar
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge.cli.progress import Progress
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.measure.questions import Half
    from ragedge.tune.questions import Asked


@click.command()
@click.argument("questions", required=False, type=click.Path(path_type=Path))
@kb_options
@set_option
@click.option(
    "--trials", type=click.IntRange(2, 1000), default=60, show_default=True, help="At most so many settings."
)
@click.option(
    "--budget-ms", type=click.FloatRange(min=0, min_open=True), help="Longest search, in the middle."
)
@click.option(
    "--budget-mb", type=click.FloatRange(min=0, min_open=True), help="Largest knowledge base on the disk."
)
@click.option("--half", type=click.Choice(["first", "second"]), help="Only half of the questions, by order.")
@click.option("--split", metavar="NAME", help="Which judgements of a BEIR folder [default: the only ones].")
@click.option(
    "--chunking", is_flag=True, help="Try chunkers and sizes too; reads the files again, which takes longer."
)
@click.option("--dry-run", is_flag=True, help="Find settings, but do not apply them.")
@click.option("--show", is_flag=True, help="Show what the last tuning found, and the tuned values in force.")
@click.option("--apply", "apply_last", is_flag=True, help="Apply what the last tuning found.")
@click.option("--reset", is_flag=True, help="Remove the tuned values and what was tried.")
@click.option("--export", "export_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write the tuned values as TOML, after showing them.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Export without asking.")
@command()
def tune(
    questions: Path | None,
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    trials: int,
    budget_ms: float | None,
    budget_mb: float | None,
    half: Half | None,
    split: str | None,
    chunking: bool,
    dry_run: bool,
    show: bool,
    apply_last: bool,
    reset: bool,
    export_file: Path | None,
    yes: bool,
) -> None:
    """Tune the search to the documents; a change is kept only where it holds on questions it was not chosen by.

    QUESTIONS is a qa.jsonl with pages, as `ragedge eval` reads it, or a BEIR folder (its corpus gets a
    temporary knowledge base; what is found is stored in --kb). Without it questions are made from headings,
    tables, steps and index entries, and those of `ragedge feedback` are added. What was tried stays in the
    knowledge base: the same command again goes on where it stopped.
    """
    if sum((show, apply_last, reset, export_file is not None, questions is not None)) > 1:
        raise click.UsageError("QUESTIONS, --show, --apply, --reset and --export exclude each other")
    from ragedge.tune.tuning import Budget, apply, last_result
    from ragedge.tune.tuning import reset as reset_tuned
    from ragedge.tune.tuning import tune as tune_kb

    with open_kb(kb_path, config_file, settings=parse_settings(settings)) as kb:
        if reset:
            keys = reset_tuned(kb)
            if as_json:
                output.write_json({"schema": 1, "reset": keys})
            else:
                output.write(f"back to the defaults: {', '.join(keys) or 'nothing was tuned'}")
            return
        if export_file is not None:
            export(kb, export_file, yes=yes, as_json=as_json)
            return
        if show or apply_last:
            result = last_result(kb)
            if result is None:
                raise ConfigError("nothing was tuned yet", hint="ragedge tune [QUESTIONS]")
            if apply_last:
                result = apply(kb, result)
            report(kb, result, as_json=as_json)
            return
        budget = Budget(budget_ms, budget_mb)
        with progress_bar(enabled=not as_json) as progress:
            run = functools.partial(
                tune_kb, trials=trials, budget=budget, chunking=chunking, progress=progress
            )
            if questions is not None and questions.is_dir():
                result = on_corpus(kb, questions, split, half, run, progress)
            else:
                result = run(kb, asked_of(kb, questions, half))
        if result["accepted"] and not dry_run:
            try:
                result = apply(kb, result)
            except (
                ConfigError
            ) as exc:  # it takes a new ingest: what was found is shown with the command for it
                result["needs_ingest"] = exc.hint
        report(kb, result, as_json=as_json)


def asked_of(kb: KnowledgeBase, questions: Path | None, half: Half | None) -> list[Asked]:
    """Read the questions, or make them and add those of feedback."""
    from ragedge.measure.questions import half_of, read_questions
    from ragedge.tune.made import made_questions
    from ragedge.tune.questions import from_feedback, from_questions

    if questions is not None:
        return from_questions(half_of(read_questions(questions), half))
    return from_questions(made_questions(kb), "made") + from_feedback(kb.store.learned.feedback())


def on_corpus(
    kb: KnowledgeBase, folder: Path, split: str | None, half: Half | None, run: Any, progress: Progress
) -> dict[str, Any]:
    """Tune on a BEIR folder in a temporary knowledge base, with the settings of the one that is tuned."""
    import tempfile

    from ragedge.measure.beir import build_corpus
    from ragedge.measure.questions import half_of, read_queries
    from ragedge.opening import open as open_knowledge_base
    from ragedge.tune.questions import from_queries
    from ragedge.tune.rechunking import key_of_a_copy
    from ragedge.tune.tuning import keep_result

    _, queries = read_queries(folder, split)
    values = {key: item["value"] for key, item in kb.settings.as_dict().items() if item["value"] is not None}
    with tempfile.TemporaryDirectory(prefix="ragedge-tune-") as scratch:
        path = Path(scratch) / "kb"
        key = key_of_a_copy(kb)  # what is tried and how it does is written there
        names = build_corpus(folder, path, kb.config, kb.embedder, progress=progress, key=key)
        with open_knowledge_base(path, settings=values, key=key) as corpus:
            result: dict[str, Any] = run(corpus, from_queries(half_of(queries, half), names))
    keep_result(kb, result)
    return result


def export(kb: KnowledgeBase, file: Path, *, yes: bool, as_json: bool) -> None:
    """Write the tuned values as a settings file, after showing what leaves the knowledge base."""
    from ragedge.toml_text import as_toml

    values = kb.store.learned.values("tuned")
    if not values:
        raise ConfigError("nothing is tuned, so there is nothing to export", hint="ragedge tune --show")
    text = as_toml(values)
    output.note(text.rstrip())
    if not yes:
        click.confirm(f"Write these to {file}?", abort=True, err=True)
    kb.record("tune export", settings=len(values))
    file.write_text(text, encoding="utf-8")
    if as_json:
        output.write_json({"schema": 1, "file": str(file), "settings": values})
    else:
        output.write(f"{len(values)} settings written to {file}")


def report(kb: KnowledgeBase, result: dict[str, Any], *, as_json: bool) -> None:
    """Print what tuning found."""
    from ragedge.tune.tuning import pinned

    held = pinned(kb, result["settings"])
    shown = {key: value for key, value in result.items() if key not in ("accepted", "best_settings")}
    shown |= {"accepted": result["accepted"], "tuned": kb.store.learned.values("tuned"), "pinned": held}
    if as_json:
        output.write_json(shown)
        return
    asked = ", ".join(f"{count} {origin}" for origin, count in result["questions"].items())
    output.write(f"{result['trials']} settings tried on {asked} questions")
    rows = [
        (name, f"{part['ndcg@10']:.4f}", f"{part['latency_ms']:.1f} ms", f"{part['mb']:.1f} MB")
        for name, part in (("as it is", result["baseline"]), ("best tried", result["best"]))
    ]
    output.write(output.table(rows, ("", "nDCG@10", "search", "size")))
    gain = result["gain"]
    output.write(
        f"gain on questions not chosen by: {gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
    )
    verdict = "applied" if result["applied"] else "not applied" if result["accepted"] else "kept as it is"
    output.write(f"{verdict}: {result['reason']}")
    for key, value in result["settings"].items():
        output.write(f"  {key} = {value}")
    if "needs_ingest" in result:
        output.write(f"this takes a new ingest:\n  {result['needs_ingest']}")
    for key in held:
        output.write(
            f"note: {key} is set by a file or flag, which stands above tuned values; remove it there"
        )

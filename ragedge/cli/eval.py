"""``eval``: how good the answers are, on a set of questions, and whether another configuration is better."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb, parse_settings, set_option
from ragedge.cli.progress import Progress, progress_bar

if TYPE_CHECKING:
    from ragedge.measure.evaluation import Evaluation
    from ragedge.measure.questions import Half

file_option = click.Path(path_type=Path, dir_okay=False)


@click.command("eval")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@kb_options
@set_option
@click.option("--split", metavar="NAME", help="Which judgements of a BEIR folder [default: the only ones].")
@click.option("--half", type=click.Choice(["first", "second"]), help="Only half of the questions, by order.")
@click.option("--no-answers", is_flag=True, help="Measure the search alone, which is quicker.")
@click.option("--run", "run_file", type=file_option, metavar="FILE",
              help="Write the rankings as trec_eval reads them (BEIR folder).")  # fmt: skip
@click.option("--per-query", type=file_option, metavar="FILE",
              help="Write what came of each question, a JSON object a line; holds no text.")  # fmt: skip
@click.option(
    "--plot", "plot_file", type=file_option, metavar="FILE", help="Draw the figures (.png, .svg, .pdf)."
)
@click.option("--against", type=file_option, metavar="OTHER.toml",
              help="Measure these settings too, and the paired difference.")  # fmt: skip
@click.option("--compare", type=(file_option, file_option), metavar="A B",
              help="Compare two files of --per-query instead of measuring.")  # fmt: skip
@command()
def evaluate(
    path: Path | None,
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    split: str | None,
    half: Half | None,
    no_answers: bool,
    run_file: Path | None,
    per_query: Path | None,
    plot_file: Path | None,
    against: Path | None,
    compare: tuple[Path, Path] | None,
) -> None:
    """Measure quality on PATH, with 95% intervals.

    PATH is a BEIR folder (corpus.jsonl, queries.jsonl, qrels/), taken into a temporary knowledge base that is
    deleted afterwards, or a qa.jsonl (question, answerable, answer, facts, source, pages, type) about the
    documents in --kb.
    """
    if (path is None) == (compare is None):
        raise click.UsageError("name either PATH or --compare A B")
    if compare is not None:
        compare_files(*compare, as_json=as_json)
        return
    assert path is not None
    is_folder = path.is_dir()
    if is_folder and kb_path is not None:
        raise click.UsageError("--kb goes with a qa.jsonl; a BEIR folder gets a knowledge base of its own")
    if not is_folder and (run_file is not None or split is not None):
        raise click.UsageError("--run and --split go with a BEIR folder")
    if plot_file is not None:
        from ragedge.measure.plot import check_plot

        check_plot(plot_file)
    if is_folder:
        from ragedge.extras import require

        require("eval", "ir_measures", "pytrec_eval")
    flags = parse_settings(settings)

    def measure(config: Path | None, progress: Progress) -> Evaluation:
        from ragedge.measure.evaluation import evaluate_corpus, evaluate_questions

        if is_folder:
            return evaluate_corpus(
                path, split=split, half=half, config=config, settings=flags, progress=progress
            )
        with open_kb(kb_path, config, settings=flags) as kb:
            return evaluate_questions(path, kb, half=half, answers=not no_answers, progress=progress)

    if against is not None and not is_folder:
        refuse_new_ingest(kb_path, config_file, against, flags)
    with progress_bar(enabled=not as_json) as progress:
        first = measure(config_file, progress)
        second = None
        if against is not None:
            second = measure(
                against, lambda stage, done, total: progress(f"{stage}, {against.name}", done, total)
            )
    write_files(first, run_file, per_query)
    report(first, second, against, plot_file, as_json=as_json)


def write_files(evaluation: Evaluation, run_file: Path | None, per_query: Path | None) -> None:
    """Write the rankings and what came of each question, where asked for."""
    from ragedge.measure.figures import write_per_query
    from ragedge.measure.ranking import write_run

    if run_file is not None:
        ranked = {item.id: item.ranked for item in evaluation.judged}
        write_run(run_file, ranked, f"ragedge-{evaluation.config_digest[:8]}")
    if per_query is not None:
        write_per_query(per_query, evaluation.judged)


def report(
    first: Evaluation,
    second: Evaluation | None,
    against: Path | None,
    plot_file: Path | None,
    *,
    as_json: bool,
) -> None:
    """Print the figures, and draw them where asked for."""
    from ragedge.measure.figures import as_dict, differences, differences_as_dict

    facts = as_dict(first)
    series = {"these settings": facts["metrics"]}
    if second is not None and against is not None:
        other = as_dict(second)
        facts["against"] = {key: other[key] for key in ("metrics", "latency_ms", "config_digest")}
        facts["difference"] = differences_as_dict(differences(first.judged, second.judged))
        series[against.name] = other["metrics"]
    if plot_file is not None:
        from ragedge.measure.plot import plot_metrics

        plot_metrics(plot_file, series, f"{first.dataset}, {len(first.judged)} questions")
    if as_json:
        output.write_json(facts)
        return
    output.write(f"{first.dataset} ({first.split}): {len(first.judged)} questions")
    print_metrics(facts["metrics"])
    if len(facts["by_type"]) > 1:
        for kind, part in facts["by_type"].items():
            output.write(f"\n{kind}: {part['queries']} questions")
            print_metrics(part["metrics"])
    times = facts["latency_ms"]
    output.write(
        f"\nsearch p50 {times['p50']:.1f} ms, p95 {times['p95']:.1f} ms; settings {first.config_digest[:12]}"
    )
    if against is not None:
        output.write(f"\n{against}, against these settings:")
        print_differences(facts["difference"])


def print_metrics(metrics: dict[str, dict[str, float]]) -> None:
    """Print a table of figures, shares with their counts."""
    rows = []
    for name, item in metrics.items():
        of = f"{item['hits']} of {item['of']}" if "hits" in item else f"{item['of']}"
        rows.append((name, f"{item['value']:.4g}", f"[{item['low']:.3f}, {item['high']:.3f}]", of))
    output.write(output.table(rows, ("metric", "value", "95% interval", "questions")))


def print_differences(found: dict[str, dict[str, float]]) -> None:
    """Print a table of paired differences."""
    rows = [
        (name, f"{d['value']:+.4f}", f"[{d['low']:+.4f}, {d['high']:+.4f}]", f"{d['p']:.3f}", f"{d['pairs']}")
        for name, d in found.items()
    ]
    output.write(output.table(rows, ("metric", "difference", "95% interval", "p", "pairs")))


def compare_files(first: Path, second: Path, *, as_json: bool) -> None:
    """Print the paired difference of two files of --per-query."""
    from ragedge.measure.figures import differences, differences_as_dict, read_per_query

    found = differences_as_dict(differences(read_per_query(first), read_per_query(second)))
    if as_json:
        output.write_json({"schema": 1, "first": first.name, "second": second.name, "difference": found})
    else:
        print_differences(found)


def refuse_new_ingest(kb_path: Path | None, first: Path | None, second: Path, flags: dict[str, Any]) -> None:
    """Refuse to compare settings that decide how documents are read: one knowledge base has one of both.

    Raises:
        ConfigError: the two differ in such a setting.
    """
    from msgspec import to_builtins

    from ragedge.config import flatten
    from ragedge.errors import ConfigError

    values = []
    for file in (first, second):
        with open_kb(kb_path, file, settings=flags) as kb:
            stages = {"ingest": kb.config.ingest, "embed": kb.config.embed}
            values.append(flatten(to_builtins(stages)))
    changed = [key for key, value in values[0].items() if values[1][key] != value]
    if changed:
        raise ConfigError(
            f"{', '.join(changed)} differ, which takes a new ingest: one knowledge base cannot show both",
            hint=f"ragedge ingest FILES --kb OTHER --config {second}, eval each with --per-query, then eval --compare",
        )

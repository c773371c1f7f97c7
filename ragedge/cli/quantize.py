"""``models quantize``: smaller models of an installed generator, and what that costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import command, config_option, json_option, kb_option
from ragedge.cli.passages import passages, spread
from ragedge.cli.progress import progress_bar

if TYPE_CHECKING:
    from ragedge.measure.bench.quantization import Compared

SCHEMES = (
    "round4",
    "search4",
    "gptq4",
    "mixed4",
    "exact4",
    "smooth8",
)  # of models.quantize.quantizing, which is heavy to import
_MOST_TEXTS = 400
_HELD_OUT = 4  # every so many-th text is compared on, and never calibrated with


@click.command()
@click.argument("name")
@click.option("--scheme", "schemes", type=click.Choice(SCHEMES), multiple=True, required=True,
              help="How; repeatable, a model each.")  # fmt: skip
@click.option("--group", type=click.Choice(["16", "32", "64"]), default="32", show_default=True,
              help="Columns that share a scale.")  # fmt: skip
@click.option("--head", type=click.Choice(["8", "4", "split"]), default="8", show_default=True,
              help="Bits of the output matrix; split keeps 8 for its first rows, as --share allows.")  # fmt: skip
@click.option("--share", type=click.FloatRange(0.3, 1), default=0.6, show_default=True,
              help="Of the source's bytes at most, for mixed4 and --head split.")  # fmt: skip
@click.option(
    "--name", "called", metavar="NEW", help="What to call it [default: NAME-SCHEME]; for one scheme."
)
@click.option("--texts", "texts_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Passages of yours, one a line, in place of a knowledge base's.")  # fmt: skip
@click.option("--report", is_flag=True, help="Compare with the source: size, perplexity, speed, memory.")
@click.option("--report-texts", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Compare on these [default: every fourth passage, which then calibrates nothing].")  # fmt: skip
@click.option("--windows", type=click.IntRange(1), default=8, show_default=True,
              help="Of 256 tokens, to compare on.")  # fmt: skip
@click.option("--budget-mb", type=click.FloatRange(min=0, min_open=True),
              help="Recommend the best model of the report that is no larger.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace installed models of those names.")
@kb_option
@config_option
@json_option
@command()
def quantize(
    name: str, schemes: tuple[str, ...], group: str, head: str, share: float, called: str | None,
    texts_file: Path | None, report: bool, report_texts: Path | None, windows: int, budget_mb: float | None,
    force: bool, kb_path: Path | None, config_file: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Make smaller models of the generator NAME, weights of 4 bits, or one that reads prompts faster (smooth8).

    The passages come from the knowledge base, or from --texts; nothing of them is kept.
    """
    from ragedge.models.quantize.quantizing import Recipe
    from ragedge.models.quantize.quantizing import quantize as make
    from ragedge.runtime.threads import thread_count

    if called is not None and len(schemes) > 1:
        raise click.UsageError("--name goes with one --scheme")
    report = report or budget_mb is not None
    recipes = [_recipe(Recipe, scheme, group, head, share) for scheme in dict.fromkeys(schemes)]
    needed = any(one.wants_texts for one in recipes) or (report and report_texts is None)
    texts = spread(passages(kb_path, config_file, texts_file), _MOST_TEXTS) if needed else []
    held_out = texts[::_HELD_OUT] if report and report_texts is None else []
    if held_out:
        texts = [text for place, text in enumerate(texts) if place % _HELD_OUT]
    made = []
    with progress_bar(enabled=not as_json) as progress:
        for one in recipes:
            made.append(
                make(name, one, texts, called=called, threads=thread_count(0), force=force, progress=progress)
            )
    rows: list[Compared] = []
    if report:
        from ragedge.measure.bench.quantization import compare

        if report_texts is not None:
            held_out = passages(None, None, report_texts)
        names = [folder.manifest.name for folder in made]
        with progress_bar(enabled=not as_json) as progress:
            rows = compare(name, names, held_out, windows=windows, threads=thread_count(0), progress=progress)
    return _answer(made, rows, budget_mb, as_json=as_json)


def _recipe(kind: Any, scheme: str, group: str, head: str, share: float) -> Any:
    return kind(scheme=scheme, group=int(group), head=head, share=share)


def _answer(made: list[Any], rows: list[Compared], budget_mb: float | None, *, as_json: bool) -> int:
    """Print what was made, the report, and which of it fits a budget."""
    recommended = None
    if budget_mb is not None:
        from ragedge.measure.bench.quantization import recommend

        recommended = recommend(rows, round(budget_mb * 1e6))
    if as_json:
        output.write_json({
            "schema": 1,
            "models": [
                {"name": one.manifest.name, "path": str(one.path), "bytes": one.size_bytes,
                 "quantization": one.manifest.quantization, "fingerprint": one.manifest.fingerprint}
                for one in made
            ],
            "report": [row.as_dict() for row in rows],
            "budget_mb": budget_mb,
            "recommended": recommended.model if recommended else None,
        })  # fmt: skip
    else:
        for one in made:
            output.write(f"{one.manifest.name}: {one.size_bytes / 1e6:.0f} MB, {one.manifest.quantization}")
        if rows:
            _write(rows)
        if budget_mb is not None and recommended is not None:
            output.write(f"in {budget_mb:g} MB: {recommended.model}")
    if budget_mb is not None and recommended is None:
        least = min(rows, key=lambda one: one.bytes)
        output.note(
            f"ragedge: none fits {budget_mb:g} MB; the smallest, {least.model}, has {least.bytes / 1e6:.0f}"
        )
        return 1
    return 0


def _write(rows: list[Compared]) -> None:
    cells = [
        (
            row.model, f"{row.bytes / 1e6:.1f}", f"{row.share:.0%}", f"{row.perplexity:.3f}",
            f"{row.perplexity_ratio[0]:.4f} [{row.perplexity_ratio[1]:.4f}, {row.perplexity_ratio[2]:.4f}]",
            f"{row.kl:.4f}", f"{row.top1_agreement:.1%}", _or_dash(row.ttft_ms), _or_dash(row.tok_s),
            _or_dash(row.rss_mb),
        )
        for row in rows
    ]  # fmt: skip
    head = (
        "MODEL",
        "MB",
        "SHARE",
        "PERPLEXITY",
        "RATIO [95%]",
        "KL",
        "SAME TOKEN",
        "TTFT MS",
        "WRITES/S",
        "PEAK MB",
    )
    output.write(output.table(cells, head))
    output.write(f"on {rows[0].positions} positions that nothing was calibrated with")


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

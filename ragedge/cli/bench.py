"""``bench``: how fast a generator is here, what it takes in memory and energy, and whether that is enough."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.command import (
    command,
    config_option,
    json_option,
    kb_option,
    open_kb,
    parse_settings,
    set_option,
)
from ragedge.cli.progress import progress_bar

if TYPE_CHECKING:
    from ragedge.config import Config


@click.command()
@click.option("--model", metavar="NAME", help="An installed generator. [default: generate.model]")
@click.option("--backend", metavar="NAME", help="Where it runs. [default: runtime.backend]")
@click.option("--threads", type=click.IntRange(0), help="Inside one operator. [default: runtime.threads]")
@click.option("--context", "contexts", type=click.IntRange(4), multiple=True, metavar="TOKENS",
              help="Tokens of KV cache; repeatable. [default: generate.context_window]")  # fmt: skip
@click.option("--prompt-tokens", "prompts", type=click.IntRange(1), multiple=True, metavar="TOKENS",
              help="Tokens read; repeatable. [default: 128, 400, and all that the context holds]")  # fmt: skip
@click.option("--new-tokens", type=click.IntRange(2), default=32, show_default=True, help="Tokens written.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of each prompt.")
@click.option("--minutes", type=click.FloatRange(0, 24 * 60), default=0.0,
              help="Then answer without a pause for so long: does it slow down?")  # fmt: skip
@click.option("--cores", type=click.IntRange(1), help="Foresee a device of so few cores.")
@click.option("--memory-mb", type=click.IntRange(16), help="Foresee one whose memory ends there.")
@click.option("--speed", type=click.FloatRange(0.05, 1), default=1.0,
              help="Foresee one whose processor does this share of the work in a time.")  # fmt: skip
@click.option("--require", "limits", multiple=True, metavar="NAME=VALUE,...",
              help="Exit with 1 where one is missed: ttft_ms, tok_s, prefill_tok_s, token_ms, load_ms, rss_mb,"
              " energy_j.")  # fmt: skip
@click.option("--published", is_flag=True, help="Show figures that others published of their machines, too.")
@set_option
@kb_option
@config_option
@json_option
@command()
def bench(
    model: str | None, backend: str | None, threads: int | None, contexts: tuple[int, ...], prompts: tuple[int, ...],
    new_tokens: int, rounds: int, minutes: float, cores: int | None, memory_mb: int | None, speed: float,
    limits: tuple[str, ...], published: bool, settings: tuple[str, ...], kb_path: Path | None,
    config_file: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Measure a generator on this device: first token, tokens a second, memory against plan, energy.

    The first token is counted from the prompt's tokens to the choice of the first new one: the model alone. The
    prompt is drawn evenly from the vocabulary, which costs the time of any other and the most memory. Each context
    is measured in a process of its own.
    """
    from ragedge.measure.bench.limits import judge, read_limits
    from ragedge.measure.bench.machine import Hold
    from ragedge.measure.bench.published import PUBLISHED
    from ragedge.measure.bench.running import DEFAULT_PROMPTS, Asked
    from ragedge.measure.bench.running import bench as run

    required = read_limits(limits)
    config = _configured(kb_path, config_file, settings)
    asked = Asked(
        model=model or config.generate.model,
        backend=backend or config.runtime.backend,
        backend_options=config.runtime.backend_options if backend in (None, config.runtime.backend) else {},
        threads=config.runtime.threads if threads is None else threads,
        contexts=contexts or (config.generate.context_window,),
        prompts=prompts or DEFAULT_PROMPTS,
        fill=not prompts,
        new_tokens=new_tokens,
        rounds=rounds,
        minutes=minutes,
        hold=Hold(cores, memory_mb, speed),
    )
    with progress_bar(enabled=not as_json) as progress:
        found = run(asked, progress)
    found["required"] = judge(required, found["rows"])
    if as_json:
        elsewhere = [{**asdict(one), "measured_here": False} for one in PUBLISHED]
        output.write_json({**found, "published": elsewhere})
    else:
        _write(found)
        if published:
            _write_published()
    missed = [one["reason"] for one in found["required"].values() if not one["ok"]]
    for reason in missed:
        output.note(f"ragedge: {reason}")
    return 1 if missed else 0


def _configured(kb_path: Path | None, config_file: Path | None, settings: tuple[str, ...]) -> Config:
    """Return a knowledge base's settings where one is named; there need not be any yet."""
    flags = parse_settings(settings)
    if kb_path is not None:
        with open_kb(kb_path, config_file, settings=flags) as kb:
            return kb.config
    from ragedge.effective_config import load

    return load(file=config_file, flags=flags).config


def _write(found: dict[str, Any]) -> None:
    machine = found["machine"]
    held = ", ".join(f"{key} {value}" for key, value in machine["held_to"].items())
    output.write(
        f"{found['model']} ({found['quantization']}) on {found['backend']}: {machine['processor']}, "
        f"{machine['threads']} threads{f', held to {held}' if held else ''}; loads in {found['load_ms']:.0f} ms"
    )
    rows = [
        (
            str(row["context"]), str(row["prompt_tokens"]), f"{row['ttft_ms']['p50']:.0f}",
            f"{row['ttft_ms']['p95']:.0f}", f"{row['prefill_tok_s']:.0f}", f"{row['decode_tok_s']:.1f}",
            f"{row['token_ms']['p95']:.1f}", _or_dash(row["rss_mb"]), _or_dash(row["planned_mb"]),
            _or_dash(row["energy_j"]),
        )
        for row in found["rows"]
    ]  # fmt: skip
    head = (
        "CONTEXT",
        "PROMPT",
        "TTFT MS",
        "P95",
        "READS/S",
        "WRITES/S",
        "TOKEN P95 MS",
        "MB",
        "PLANNED",
        "JOULES",
    )
    output.write(output.table(rows, head))
    if (load := found["sustained"]) is not None:
        rates, heat = load["decode_tok_s"], load["temperature_c"]
        warm = "" if heat["end"] is None else f", {heat['start']:.0f} to {heat['end']:.0f} C"
        output.write(
            f"{load['minutes']:g} minutes, {load['rounds']} answers: {rates['first']:.1f} tok/s at first, "
            f"{rates['last']:.1f} at last ({rates['ratio']:.0%}){warm}"
        )


def _write_published() -> None:
    from ragedge.measure.bench.published import PUBLISHED

    output.write(
        "\nOther machines, as others published them. Nothing below was measured here, or by this project."
    )
    rows = [
        (one.machine, one.model, _or_dash(one.prompt_tokens), _or_dash(one.ttft_ms), f"{one.tok_s:g}",
         _or_dash(one.rss_mb), one.source)
        for one in PUBLISHED
    ]  # fmt: skip
    output.write(output.table(rows, ("MACHINE", "MODEL", "PROMPT", "TTFT MS", "WRITES/S", "MB", "SOURCE")))


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

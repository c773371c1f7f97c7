"""Draws figures with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragedge.errors import ConfigError
from ragedge.extras import require

_SHADES = ("#31688e", "#35b779", "#b5a32a")
# What is no share of one: it has no place on the same axis.
_LEFT_OUT = ("unsupported_numbers",)


def plot_metrics(path: Path, series: Mapping[str, Mapping[str, Mapping[str, float]]], title: str) -> None:
    """Draw one bar per metric and series, with its 95% interval, into a PNG, SVG or PDF.

    Args:
        path: Where to; its ending decides the format.
        series: For each name in the legend, ``metrics`` of ``ragedge eval --json``.
        title: Above the bars.

    Raises:
        MissingExtraError: the extra ``plot`` is not installed.
        ConfigError: the ending is none that can be drawn.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    names = [
        n for n in next(iter(series.values())) if n not in _LEFT_OUT and all(n in m for m in series.values())
    ]
    figure = Figure(figsize=(max(4.0, 1.1 * len(names) + 1.5), 3.6), layout="constrained")
    axes: Any = figure.subplots()
    width = 0.8 / len(series)
    for number, (label, metrics) in enumerate(series.items()):
        values = [metrics[name]["value"] for name in names]
        below = [max(0.0, metrics[name]["value"] - metrics[name]["low"]) for name in names]
        above = [max(0.0, metrics[name]["high"] - metrics[name]["value"]) for name in names]
        places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(names))]
        axes.bar(places, values, width, yerr=[below, above], capsize=3, label=label,
                 color=_SHADES[number % len(_SHADES)])  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set_ylim(0, 1)
    axes.set_title(title)
    if len(series) > 1:
        axes.legend()
    figure.savefig(path, dpi=120)


def check_plot(path: Path) -> None:
    """Refuse a plot that could not be drawn, before anything is measured.

    Raises:
        MissingExtraError: the extra ``plot`` is not installed.
        ConfigError: the ending is none that can be drawn.
    """
    require("plot", "matplotlib")
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ConfigError(
            f"cannot draw {path.suffix or 'a file without an ending'}; allowed: .png, .svg, .pdf",
            hint="name a .png",
        )

"""``--require``: figures that must be reached, and which rows miss them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ragedge.errors import ConfigError

Row = Mapping[str, Any]

# What is looked at in a row, and whether more of it is better.
_FIGURES: dict[str, tuple[Callable[[Row], float | None], bool]] = {
    "ttft_ms": (lambda row: row["ttft_ms"]["p95"], False),
    "tok_s": (lambda row: row["decode_tok_s"], True),
    "prefill_tok_s": (lambda row: row["prefill_tok_s"], True),
    "token_ms": (lambda row: row["token_ms"]["p95"], False),
    "load_ms": (lambda row: row["load_ms"], False),
    "rss_mb": (lambda row: row["rss_mb"], False),
    "energy_j": (lambda row: row["energy_j"], False),
}


def read_limits(texts: Sequence[str]) -> dict[str, float]:
    """Read ``NAME=VALUE[,NAME=VALUE]``.

    Raises:
        ConfigError: a name is unknown, or a value is no positive number.
    """
    limits = {}
    for part in (part for text in texts for part in text.split(",") if part.strip()):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in _FIGURES:
            raise ConfigError(
                f"--require knows no {name!r}; it knows {', '.join(_FIGURES)}",
                hint="--require ttft_ms=500,tok_s=10",
            )
        try:
            limits[name] = float(value)
        except ValueError:
            limits[name] = -1
        if not 0 < limits[name] < float("inf"):
            raise ConfigError(
                f"--require {name} takes a positive number, got {value!r}", hint=f"--require {name}=500"
            )
    return limits


def judge(limits: Mapping[str, float], rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Hold every row to the limits.

    Args:
        limits: As ``read_limits`` returns them.
        rows: What was measured; at least one.

    Returns:
        For each limit: the limit, the worst row's figure, whether it is kept, and the reason where it is not. A
        figure that this platform does not tell keeps no limit.
    """
    found = {}
    for name, limit in limits.items():
        figure, more_is_better = _FIGURES[name]
        measured = [(figure(row), row) for row in rows]
        known = [(value, row) for value, row in measured if value is not None]
        if len(known) < len(measured):
            why = f"{name} was not measured: this platform does not tell it"
            found[name] = {"limit": limit, "measured": None, "ok": False, "reason": why}
            continue
        worst, row = (min if more_is_better else max)(known, key=lambda pair: pair[0])
        ok = worst >= limit if more_is_better else worst <= limit
        where = f"{row['prompt_tokens']} tokens of prompt in a context of {row['context']}"
        side = "at least" if more_is_better else "at most"
        reason = "" if ok else f"{name} is {worst:.4g} at {where}; {side} {limit:.4g} is required"
        found[name] = {"limit": limit, "measured": worst, "ok": ok, "reason": reason}
    return found

"""An embedder on multilingual-e5-small, for manuals in any of about a hundred languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge_multilingual.embedder import MultilingualEmbedder

MODEL = "multilingual-e5-small"


def create(options: Mapping[str, Any]) -> MultilingualEmbedder:
    """Build the embedder; options ``model`` (only ``multilingual-e5-small``), ``threads`` and ``backend`` (``cpu``).

    Raises:
        ConfigError: an option is unknown, or its value is not allowed.
        ModelIntegrityError: the installed weights are damaged.
    """
    from ragedge_multilingual.embedder import MultilingualEmbedder

    unknown = sorted(set(options) - {"model", "threads", "backend"})
    if unknown:
        raise ConfigError(
            f"embedder 'multilingual' has no option {unknown[0]!r}; options: model, threads, backend"
        )
    model = options.get("model", MODEL)
    if model != MODEL:
        raise ConfigError(
            f"embedder 'multilingual' has no model {model!r}; it is {MODEL}",
            hint=f"leave embed.model out, or set it to {MODEL}",
        )
    backend = options.get("backend", "cpu")
    if backend != "cpu":
        raise ConfigError(
            f"embedder 'multilingual' runs on the CPU alone, not on {backend!r}",
            hint="set runtime.backend to cpu",
        )
    threads = options.get("threads", 0)
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 0:
        raise ConfigError(
            f"embedder 'multilingual': threads is {threads!r}; it must be a whole number from 0"
        )
    return MultilingualEmbedder(threads)

"""The user's own passages, which models are calibrated and compared on."""

from __future__ import annotations

from pathlib import Path

from ragedge.cli.command import open_kb


def passages(kb_path: Path | None, config_file: Path | None, texts_file: Path | None) -> list[str]:
    """Read the passages of a file or of a knowledge base."""
    from ragedge.errors import ConfigError

    if texts_file is not None:
        try:
            lines = texts_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(
                f"cannot read {texts_file}: {type(exc).__name__}", hint="check --texts"
            ) from exc
        return [line.strip() for line in lines if line.strip()]
    with open_kb(kb_path, config_file) as kb:
        return [chunk.text for one in kb.store.sources() for chunk in kb.store.chunks(one.source)]


def spread(texts: list[str], count: int) -> list[str]:
    """Return up to ``count`` texts from all over a list."""
    if len(texts) <= count:
        return texts
    return [texts[place * len(texts) // count] for place in range(count)]

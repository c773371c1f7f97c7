"""Where models and the default knowledge base live on this device."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_models: ContextVar[Path | None] = ContextVar("ragedge_models", default=None)


def home_dir() -> Path:
    """Return ``$RAGEDGE_HOME``, else the platform's user-data folder for ragedge; may not exist yet."""
    named = os.environ.get("RAGEDGE_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("ragedge", appauthor=False)


def models_dir() -> Path:
    """Return the folder that holds one folder per installed model: that of the bundle in use, else the home's."""
    return _models.get() or home_dir() / "models"


@contextmanager
def models_at(folder: Path | None) -> Iterator[None]:
    """Take models from a folder inside the block, which a bundle brought along; None changes nothing."""
    if folder is None:
        yield
        return
    token = _models.set(folder)
    try:
        yield
    finally:
        _models.reset(token)


def default_kb_dir() -> Path:
    """Return the knowledge base that commands use when none is named."""
    return home_dir() / "kb" / "default"

"""Where models and the default knowledge base live on this device."""

from __future__ import annotations

import os
from pathlib import Path


def home_dir() -> Path:
    """Return ``$RAGEDGE_HOME``, else the platform's user-data folder for ragedge; may not exist yet."""
    named = os.environ.get("RAGEDGE_HOME")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("ragedge", appauthor=False)


def models_dir() -> Path:
    """Return the folder that holds one folder per installed model."""
    return home_dir() / "models"


def default_kb_dir() -> Path:
    """Return the knowledge base that commands use when none is named."""
    return home_dir() / "kb" / "default"

"""Names the extra that a command lacks, before it has done half of its work."""

from __future__ import annotations

import importlib.util

from ragedge.errors import MissingExtraError


def require(extra: str, *modules: str) -> None:
    """Check that an extra's modules are installed, without importing them.

    Raises:
        MissingExtraError: one is not; the hint installs it.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"this needs {', '.join(missing)}, which the base install leaves out",
            hint=f"pip install 'ragedge[{extra}]'",
        )

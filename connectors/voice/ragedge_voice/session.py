"""Opens a small graph on one thread of the processor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ragedge.errors import ModelIntegrityError


def open_session(path: Path) -> Any:
    """Load a graph.

    Raises:
        ModelIntegrityError: it is not one.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as exc:
        raise ModelIntegrityError(
            f"{path.name} is not a graph that onnxruntime loads ({type(exc).__name__})",
            hint="ragedge models verify",
        ) from exc

"""Compiles a graph for a chip, ahead of the device: onnxruntime's EPContext models.

Source: https://onnxruntime.ai/docs/execution-providers/EP-Context-Design.html. The result is a graph of one node
that holds, or names, what the provider compiled; it loads on the chip without the compiler.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge.runtime.failures import mapped
from ragedge.runtime.session import add_provider, load_onnxruntime, session_options

if TYPE_CHECKING:
    from ragedge.protocols import Backend


def compile_context(model_path: Path, backend: Backend, out: Path, *, target: str | None) -> None:
    """Compile a static graph whole: what the provider refuses is an error and not left to the processor.

    Args:
        model_path: The static graph.
        backend: Whose provider compiles.
        out: The new ``.onnx`` file; what was compiled may lie beside it.
        target: The chip; None takes the backend's own.

    Raises:
        ProviderUnavailableError: the provider is not here, or refuses a node.
        ModelError: it failed otherwise.
    """
    ort = load_onnxruntime()
    options = session_options(ort, backend.provider, 1, {})
    name = f"{model_path.parent.name}/{model_path.name}"
    with mapped("compile", name, backend.provider):
        for provider, given in add_provider(ort, options, backend, target) or ():
            options.add_provider(provider, given)
        ort.ModelCompiler(options, os.fspath(model_path)).compile_to_file(os.fspath(out))

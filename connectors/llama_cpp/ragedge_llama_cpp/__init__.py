"""A generator on llama.cpp, in process, straight from a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge.errors import ConfigError, MissingExtraError, ModelIntegrityError, ModelNotFoundError

if TYPE_CHECKING:
    from ragedge_llama_cpp.generator import LlamaCppGenerator

OPTIONS = ("model", "context_window", "threads", "gpu_layers")
_OF_THE_CORE = ("backend", "slot_memory_mb", "slot_precision")
_GGUF = b"GGUF"


def create(options: Mapping[str, Any]) -> LlamaCppGenerator:
    """Load a GGUF file.

    Args:
        options: ``model`` (the file, required), ``context_window`` (tokens, default 1024), ``threads`` (0 is
            llama.cpp's own choice) and ``gpu_layers`` (default 0).

    Raises:
        ConfigError: an option is unknown or not allowed.
        ModelNotFoundError: there is no such file.
        ModelIntegrityError: it is not a GGUF file, or llama.cpp cannot load it.
        MissingExtraError: llama-cpp-python is not installed.
    """
    unknown = sorted(set(options) - {*OPTIONS, *_OF_THE_CORE})
    if unknown:
        raise ConfigError(
            f"generator llama_cpp has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see connectors/llama_cpp/README.md",
        )
    model = options.get("model")
    if not isinstance(model, str) or not model:
        raise ConfigError("generator llama_cpp needs a GGUF file", hint="set generate.model to its path")
    numbers = {
        key: _whole(options, key, default, least)
        for key, default, least in (("context_window", 1024, 128), ("threads", 0, 0), ("gpu_layers", 0, -1))
    }
    path = Path(model)
    if not path.is_file():
        raise ModelNotFoundError(f"no file {model!r}", hint="set generate.model to a GGUF file")
    with path.open("rb") as file:
        if file.read(4) != _GGUF:
            raise ModelIntegrityError(f"{model} is not a GGUF file", hint="set generate.model to a GGUF file")
    try:
        from ragedge_llama_cpp.generator import LlamaCppGenerator
    except ImportError as exc:
        raise MissingExtraError(
            f"llama-cpp-python cannot be imported: {exc}", hint="pip install -e connectors/llama_cpp"
        ) from exc
    return LlamaCppGenerator.open(path, **numbers)


def _whole(options: Mapping[str, Any], key: str, default: int, least: int) -> int:
    value = options.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(
            f"generator llama_cpp: {key} is {value!r}; it must be a whole number of {least} or more",
            hint=f"set generate.options.{key}",
        )
    return value

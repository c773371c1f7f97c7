"""A generator on a model server of this device, reached by loopback or a Unix socket and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from ragedge_local_llm.generator import LocalLLMGenerator

OPTIONS = ("model", "url", "dialect", "context_window", "timeout_s", "busy_s")
_OF_THE_CORE = ("threads", "backend", "slot_memory_mb")  # the server's own affair


def create(options: Mapping[str, Any]) -> LocalLLMGenerator:
    """Build the generator; nothing is asked of the server yet.

    Args:
        options: ``model`` (its name on the server, required), ``dialect`` (``ollama``, ``openai``, ``llama_cpp``,
            ``hailo``, ``axllm`` or ``rkllm``; default ollama), ``url`` (``http://127.0.0.1:PORT`` or
            ``unix:/path``; default the dialect's port on 127.0.0.1), ``context_window`` (tokens), ``timeout_s``
            (longest silence of the server) and ``busy_s`` (how long a busy one is waited for).

    Raises:
        ConfigError: an option is unknown or not allowed, or the URL leaves this device.
    """
    from ragedge_local_llm.address import parse_address
    from ragedge_local_llm.dialects import DIALECTS
    from ragedge_local_llm.generator import LocalLLMGenerator
    from ragedge_local_llm.transport import Transport

    unknown = sorted(set(options) - {*OPTIONS, *_OF_THE_CORE})
    if unknown:
        raise ConfigError(
            f"generator local_llm has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see connectors/local_llm/README.md",
        )
    name = options.get("dialect", "ollama")
    if name not in DIALECTS:
        raise ConfigError(
            f"generator local_llm knows no dialect {name!r}; dialects: {', '.join(DIALECTS)}",
            hint="set generate.options.dialect",
        )
    model = options.get("model")
    if not isinstance(model, str) or not model:
        raise ConfigError("generator local_llm needs a model's name on the server", hint="set generate.model")
    dialect = DIALECTS[name]
    address = parse_address(str(options.get("url", f"http://127.0.0.1:{dialect.port}")))
    transport = Transport(address, timeout_s=_number(options, "timeout_s", 120, 0.1, 3600))
    return LocalLLMGenerator(
        dialect,
        transport,
        model,
        context_window=int(_number(options, "context_window", dialect.context_window, 128, 1_048_576)),
        busy_s=_number(options, "busy_s", 30, 0, 3600),
    )


def _number(options: Mapping[str, Any], key: str, default: float, least: float, most: float) -> float:
    value = options.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigError(
            f"generator local_llm: {key} is {value!r}; it must be a number from {least:g} to {most:g}",
            hint=f"set generate.options.{key}",
        )
    return value

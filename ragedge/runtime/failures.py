"""The one seam where onnxruntime's exceptions become ours.

onnxruntime raises unrelated classes, all directly under ``Exception``, and a few built-in ones. They are
known by name, so this module needs no import of the library. A failing graph's message names nodes, files
and shapes, never the text that went in; it is kept to one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ragedge.errors import ModelError, ModelIntegrityError, ProviderUnavailableError, RagedgeError

MODULE = "onnxruntime.capi.onnxruntime_pybind11_state"

# What each native class says about the world. A class that is not listed here is a plain ModelError.
_DAMAGED = frozenset({"InvalidGraph", "InvalidProtobuf", "NoModel", "NoSuchFile"})
_PROVIDER = frozenset({"EPFail", "EngineError", "DeviceReset", "ModelRequiresCompilation"})
_LONGEST_MESSAGE = 400


@contextmanager
def mapped(action: str, model: str, provider: str) -> Iterator[None]:
    """Turn what onnxruntime raises inside the block into a ``ModelError``.

    Args:
        action: What is being done, such as ``load`` or ``run``.
        model: The model's name or file, for the message.
        provider: The execution provider it was meant for.

    Raises:
        ModelIntegrityError: the graph or its data is missing, truncated or not a graph.
        ProviderUnavailableError: the provider failed, or cannot take the graph without falling back.
        ModelError: anything else that onnxruntime refused or that failed inside it.
    """
    try:
        yield
    except Exception as exc:
        if type(exc).__module__ != MODULE and not isinstance(exc, (RuntimeError, ValueError)):
            raise
        raise translate(exc, action, model, provider) from exc


@contextmanager
def foreign(action: str, model: str, runtime: str) -> Iterator[None]:
    """Turn what a vendor's own runtime raises inside the block into a ``ProviderUnavailableError``.

    Raises:
        ProviderUnavailableError: with the runtime's words on one line.
    """
    try:
        yield
    except RagedgeError:
        raise
    except Exception as exc:
        reason = " ".join(str(exc).split())[:_LONGEST_MESSAGE]
        raise ProviderUnavailableError(
            f"{runtime} could not {action} {model}: {type(exc).__name__}: {reason}",
            hint="ragedge backends check, or set runtime.backend to cpu",
        ) from exc


def translate(exc: Exception, action: str, model: str, provider: str) -> ModelError:
    """Return the ``ModelError`` for an exception that onnxruntime raised."""
    reason = " ".join(str(exc).split())[:_LONGEST_MESSAGE]
    said = f"onnxruntime could not {action} {model} on {provider}: {type(exc).__name__}: {reason}"
    name = type(exc).__name__
    fell_back = "disable_cpu_ep_fallback" in reason or "fallback to CPU EP" in reason
    if name in _PROVIDER or fell_back:
        return ProviderUnavailableError(said, hint="ragedge backends check, or set runtime.backend to cpu")
    if name in _DAMAGED or (action == "load" and name in {"Fail", "InvalidArgument", "RuntimeException"}):
        return ModelIntegrityError(said, hint="ragedge models verify")
    return ModelError(said, hint="ragedge doctor")

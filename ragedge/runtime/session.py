"""Opens a graph on exactly the backend that was asked for, and runs it.

This package is the only place that touches onnxruntime. Three rules hold here: providers are local and
named one by one, nothing falls back to another provider in silence, and what onnxruntime raises leaves as
a ``ModelError``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge.errors import ModelIntegrityError, ProviderUnavailableError
from ragedge.runtime.failures import mapped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.protocols import Backend

CPU_PROVIDER = "CPUExecutionProvider"

# Providers that compute on this device. onnxruntime's own list also offers AzureExecutionProvider, which
# sends inputs to a server: a name that is not here is refused, whatever the library says it has.
LOCAL_PROVIDERS = frozenset(
    f"{vendor}ExecutionProvider"
    for vendor in (
        "CPU", "ACL", "ArmNN", "CoreML", "CUDA", "Dml", "MIGraphX", "Nnapi", "NvTensorRTRTX", "OpenVINO",
        "QNN", "Rknpu", "ROCM", "SNPE", "Tensorrt", "VitisAI", "VSINPU", "WebGpu", "Xnnpack",
    )
)  # fmt: skip


class Session:
    """A loaded graph on one provider.

    Attributes:
        name: The graph's file, for messages.
        provider: The execution provider it runs on.
        input_names: In the graph's order.
        output_names: In the graph's order.
        native: The onnxruntime session, for ``runtime.decoder``'s bound buffers; nothing outside this
            package reads it.
    """

    def __init__(self, native: Any, name: str, provider: str) -> None:
        self.native = native
        self.name = name
        self.provider = provider
        self.input_names: tuple[str, ...] = tuple(one.name for one in native.get_inputs())
        self.output_names: tuple[str, ...] = tuple(one.name for one in native.get_outputs())

    def input_shape(self, name: str) -> tuple[int | str | None, ...]:
        """Return an input's declared shape; a free dimension is a name or None."""
        for one in self.native.get_inputs():
            if one.name == name:
                return tuple(one.shape)
        raise LookupError(f"{self.name} has no input {name!r}; inputs: {', '.join(self.input_names)}")

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the graph once.

        Args:
            feeds: An array for each input, in the dtype and shape that the graph declares.
            outputs: Names of the outputs wanted; None wants all.

        Returns:
            Each wanted output by name; the arrays are the caller's own.

        Raises:
            ValueError: an input is missing, or one is given that the graph does not have.
            ModelError: the graph refused the arrays or failed.
        """
        if set(feeds) != set(self.input_names):
            raise ValueError(
                f"{self.name} takes {', '.join(self.input_names)}; got {', '.join(sorted(feeds))}"
            )
        wanted = list(outputs if outputs is not None else self.output_names)
        with mapped("run", self.name, self.provider):
            values = self.native.run(wanted, dict(feeds))
        return dict(zip(wanted, values, strict=True))


def open_session(
    model_path: Path, backend: Backend, *, threads: int, entries: Mapping[str, str] | None = None
) -> Session:
    """Load a graph on a backend's provider, and on nothing else.

    Args:
        model_path: The ``.onnx`` file; external data is found beside it.
        backend: Where it runs.
        threads: Threads inside one operator, at least 1; the graph's operators run one after another.
        entries: Further onnxruntime session settings, by their documented key.

    Raises:
        ProviderUnavailableError: the provider is not local, not installed, or was dropped while loading.
        ModelIntegrityError: the file is missing, damaged or not a graph.
        ModelError: onnxruntime failed otherwise.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    provider = backend.provider
    if provider not in LOCAL_PROVIDERS:
        raise ProviderUnavailableError(
            f"backend {backend.name!r} asks for {provider}, which is not a local provider; "
            f"allowed: {', '.join(sorted(LOCAL_PROVIDERS))}",
            hint="set runtime.backend to cpu",
        )
    if not model_path.is_file():
        raise ModelIntegrityError(f"{model_path} is missing", hint="ragedge models verify")
    ort = load_onnxruntime()
    options = session_options(ort, provider, threads, entries or {})
    name = f"{model_path.parent.name}/{model_path.name}"
    with mapped("load", name, provider):
        if backend.provider_library is None:
            if provider not in ort.get_available_providers():
                raise ProviderUnavailableError(
                    f"backend {backend.name!r} needs {provider}; here are {', '.join(local_providers(ort))}",
                    hint="install the package that provides it, or set runtime.backend to cpu",
                )
            providers = [(provider, dict(backend.provider_options()))]
            native = ort.InferenceSession(
                os.fspath(model_path), options, providers=providers, enable_fallback=0
            )
        else:
            devices = _plugin_devices(ort, backend)
            options.add_provider_for_devices(devices, dict(backend.provider_options()))
            native = ort.InferenceSession(os.fspath(model_path), options, enable_fallback=0)
    loaded = native.get_providers()
    if not loaded or loaded[0] != provider or not set(loaded) <= {provider, CPU_PROVIDER}:
        raise ProviderUnavailableError(
            f"{provider} was dropped while loading {name}; it would run on {', '.join(loaded)}",
            hint="ragedge backends check",
        )
    return Session(native, name, provider)


def session_options(ort: Any, provider: str, threads: int, entries: Mapping[str, str]) -> Any:
    """Build the options that every session shares."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors; warnings go to standard error from native code, unasked
    # Threads spin while a run lasts and park when it ends, so that a session at rest takes no core from
    # the one that works: an embedder and a generator share two cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if provider != CPU_PROVIDER:
        # get_providers() cannot see single nodes placed on the CPU; with this, loading fails instead.
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    for key, value in entries.items():
        options.add_session_config_entry(key, value)
    return options


def load_onnxruntime() -> Any:
    """Import onnxruntime with its telemetry off.

    Raises:
        RuntimeError: the opt-out is not set; it is latched when the native library loads, so it must be
            there before the import (``ragedge/__init__.py`` sets it).
    """
    if os.environ.get("ORT_DISABLE_TELEMETRY") != "1":
        raise RuntimeError("ORT_DISABLE_TELEMETRY must be 1 before onnxruntime is imported")
    import onnxruntime

    return onnxruntime


def local_providers(ort: Any) -> list[str]:
    """Return the installed providers that compute on this device."""
    return [name for name in ort.get_available_providers() if name in LOCAL_PROVIDERS]


def _plugin_devices(ort: Any, backend: Backend) -> list[Any]:
    """Register a plugin provider's library once and return its devices."""
    known = {device.ep_name for device in ort.get_ep_devices()}
    if backend.provider not in known:
        ort.register_execution_provider_library(backend.provider, os.fspath(backend.provider_library or ""))
    devices = [device for device in ort.get_ep_devices() if device.ep_name == backend.provider]
    if not devices:
        raise ProviderUnavailableError(
            f"{backend.provider} found no device here",
            hint="ragedge backends check, or set runtime.backend to cpu",
        )
    return devices

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
from ragedge.runtime.failures import foreign, mapped
from ragedge.runtime.placement import RECORD_ENTRY, Placement, placement_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.protocols import Backend, TargetCompiler

CPU_PROVIDER = "CPUExecutionProvider"
# onnxruntime_session_options_config_keys.h: where a graph that comes as bytes finds its weights.
_DATA_FOLDER = "session.model_external_initializers_file_folder_path"

# Providers that compute on this device. onnxruntime's own list also offers AzureExecutionProvider, which
# sends inputs to a server: a name that is not here is refused, whatever the library says it has.
LOCAL_PROVIDERS = frozenset(
    f"{vendor}ExecutionProvider"
    for vendor in (
        "CPU", "ACL", "ArmNN", "CoreML", "CUDA", "Dml", "MIGraphX", "Neutron", "Nnapi", "NvTensorRTRTX",
        "OpenVINO", "QNN", "Rknpu", "ROCM", "SNPE", "Tensorrt", "VitisAI", "VSINPU", "WebGpu", "Xnnpack",
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

    def placement(self) -> Placement:
        """Return which nodes the provider took; the graph must have been opened with ``record``."""
        return placement_of(self.native, self.provider)


def open_session(
    model_path: Path,
    backend: Backend,
    *,
    threads: int,
    entries: Mapping[str, str] | None = None,
    target: str | None = None,
    partial: bool = False,
    record: bool = False,
    graph: bytes | None = None,
) -> Session:
    """Load a graph on a backend's provider, and on nothing else.

    Args:
        model_path: The ``.onnx`` file; external data is found beside it.
        backend: Where it runs.
        threads: Threads inside one operator, at least 1; the graph's operators run one after another.
        entries: Further onnxruntime session settings, by their documented key.
        target: The chip to run as, for a backend that compiles for several; None takes the backend's own.
        partial: Let the processor take nodes that the provider refuses, to find out which; never for use.
        record: Keep the runtime's record of which provider took which node.
        graph: Bytes to load in place of the file's, made from it, its weights still in the files beside it; not for
            a backend with a runtime of its own.

    Raises:
        ProviderUnavailableError: the provider is not local, not installed, or was dropped while loading.
        ModelIntegrityError: the file is missing, damaged or not a graph.
        ModelError: onnxruntime failed otherwise.
    """
    if threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    from ragedge.protocols import GraphRuntime

    provider = backend.provider
    if not isinstance(backend, GraphRuntime) and provider not in LOCAL_PROVIDERS:
        raise ProviderUnavailableError(
            f"backend {backend.name!r} asks for {provider}, which is not a local provider; "
            f"allowed: {', '.join(sorted(LOCAL_PROVIDERS))}",
            hint="set runtime.backend to cpu",
        )
    if not model_path.is_file():
        raise ModelIntegrityError(f"{model_path} is missing", hint="ragedge models verify")
    name = f"{model_path.parent.name}/{model_path.name}"
    if isinstance(backend, GraphRuntime):
        from ragedge.runtime.own_runtime import OwnSession

        with foreign("load", name, provider):
            return OwnSession(backend.open_graph(model_path, threads), name, provider)
    ort = load_onnxruntime()
    recorded = dict([RECORD_ENTRY]) if record else {}
    placed = {} if graph is None else {_DATA_FOLDER: os.fspath(model_path.parent)}
    every = {**(entries or {}), **recorded, **placed}
    options = session_options(ort, provider, threads, every, partial=partial)
    with mapped("load", name, provider):
        providers = add_provider(ort, options, backend, target)
        source = os.fspath(model_path) if graph is None else graph
        native = ort.InferenceSession(source, options, providers=providers, enable_fallback=0)
    loaded = native.get_providers()
    if not loaded or loaded[0] != provider or not set(loaded) <= {provider, CPU_PROVIDER}:
        raise ProviderUnavailableError(
            f"{provider} was dropped while loading {name}; it would run on {', '.join(loaded)}",
            hint="ragedge backends check",
        )
    return Session(native, name, provider)


def add_provider(
    ort: Any, options: Any, backend: Backend, target: str | None = None
) -> list[tuple[str, dict[str, str]]] | None:
    """Put a backend's provider into session options; return what the session itself must be told, if anything.

    Raises:
        ProviderUnavailableError: it is not installed, or finds no device.
    """
    given = dict(backend.provider_options() if target is None else _compiler(backend).target_options(target))
    if backend.provider_library is not None:
        options.add_provider_for_devices(plugin_devices(ort, backend), given)
        return None
    if backend.provider not in ort.get_available_providers():
        raise ProviderUnavailableError(
            f"backend {backend.name!r} needs {backend.provider}; here are {', '.join(local_providers(ort))}",
            hint="install the package that provides it, or set runtime.backend to cpu",
        )
    return [(backend.provider, given)]


def session_options(
    ort: Any, provider: str, threads: int, entries: Mapping[str, str], *, partial: bool = False
) -> Any:
    """Build the options that every session shares; ``partial`` lets the processor take what is refused."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors; warnings go to standard error from native code, unasked
    # Threads spin while a run lasts and park when it ends, so that a session at rest takes no core from
    # the one that works: an embedder and a generator share two cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if provider != CPU_PROVIDER and not partial:
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


def plugin_devices(ort: Any, backend: Backend) -> list[Any]:
    """Register a plugin provider's library once and return the devices that the backend means.

    Raises:
        ProviderUnavailableError: there is none.
    """
    known = {device.ep_name for device in ort.get_ep_devices()}
    if backend.provider not in known:
        ort.register_execution_provider_library(backend.provider, os.fspath(backend.provider_library or ""))
    found = [device for device in ort.get_ep_devices() if device.ep_name == backend.provider]
    wanted = backend.device_metadata()
    devices = [device for device in found if wanted.items() <= device.ep_metadata.items()]
    if not devices:
        asked = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise ProviderUnavailableError(
            f"{backend.provider} found no device here{f' of {asked}' if asked else ''}; "
            f"it has {', '.join(map(device_name, found)) or 'none'}",
            hint="ragedge backends check, or set runtime.backend to cpu",
        )
    return devices


def device_name(device: Any) -> str:
    """Name a provider's device in a few words."""
    told = device.ep_metadata.get("ov_device") or device.device.type.name
    return f"{device.device.vendor or device.ep_vendor} {told}".strip()


def _compiler(backend: Backend) -> TargetCompiler:
    from ragedge.protocols import TargetCompiler

    if not isinstance(backend, TargetCompiler):
        raise ProviderUnavailableError(
            f"backend {backend.name!r} compiles for no other chip than this device's",
            hint="leave --target out",
        )
    return backend

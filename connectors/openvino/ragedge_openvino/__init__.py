"""A backend on the OpenVINO runtime: Intel NPUs, GPUs and processors (and other x86-64 and Arm processors)."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Probe
from ragedge.errors import ConfigError, ProviderUnavailableError

if TYPE_CHECKING:
    from ragedge_openvino.open_model import OpenModel

DEVICES = ("CPU", "GPU", "NPU")
PRECISIONS = ("f32", "f16", "bf16")
QUANTIZATIONS = ("float", "a16w8", "a8w8")
OPTIONS = ("device", "precision", "quantization")


class OpenVinoBackend:
    """Static graphs on one of OpenVINO's devices."""

    name = "openvino"
    graph_profile = "static"
    provider = "OpenVINO"
    provider_library: Path | None = None

    def __init__(self, device: str, precision: str, quantization: str) -> None:
        self.quantization = quantization
        self._device, self._precision = device, precision

    def provider_options(self) -> Mapping[str, str]:
        """Return what OpenVINO is told; without a precision it takes bfloat16 where the processor has it."""
        return {"INFERENCE_PRECISION_HINT": self._precision, "PERFORMANCE_HINT": "LATENCY"}

    def device_metadata(self) -> Mapping[str, str]:
        """Name the device."""
        return {"device": self._device}

    def versions(self) -> Mapping[str, str]:
        """Return OpenVINO's version."""
        return {"openvino": version("openvino") if importlib.util.find_spec("openvino") else "none"}

    def probe(self) -> Probe:
        """Say whether OpenVINO lists the device."""
        if importlib.util.find_spec("openvino") is None:
            return Probe(False, "openvino is not installed: pip install openvino")
        from ragedge_openvino.open_model import device_names

        found = device_names()
        if not any(_is(self._device, name) for name in found):
            return Probe(
                False, f"OpenVINO lists no {self._device} here; it lists {', '.join(found) or 'none'}"
            )
        names = tuple(f"{key}: {text}" for key, text in found.items())
        return Probe(True, f"OpenVINO {self.versions()['openvino']}", names)

    def open_graph(self, path: Path, threads: int, /) -> OpenModel:
        """Compile a graph for the device and load it."""
        from ragedge_openvino.open_model import OpenModel

        probe = self.probe()
        if not probe.available:
            raise ProviderUnavailableError(probe.reason, hint="set runtime.backend_options.device")
        settings: dict[str, Any] = dict(self.provider_options())
        if self._device == "CPU":
            settings["INFERENCE_NUM_THREADS"] = threads
        else:
            settings.pop("INFERENCE_PRECISION_HINT")  # GPUs and NPUs compute in half precision
        return OpenModel(path, self._device, settings)


def create(options: Mapping[str, Any]) -> OpenVinoBackend:
    """Build the backend.

    Args:
        options: ``device`` (``CPU``, ``GPU`` or ``NPU``), ``precision`` of the processor (``f32``; ``bf16`` is faster
            where it exists, and far off), ``quantization`` of the graph (``float``, ``a16w8``, ``a8w8``).

    Raises:
        ConfigError: an option is unknown or not one of these.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ConfigError(
            f"backend openvino has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see docs/backends/intel.md",
        )
    chosen = {"device": "CPU", "precision": "f32", "quantization": "float"} | dict(options)
    for key, allowed in (("device", DEVICES), ("precision", PRECISIONS), ("quantization", QUANTIZATIONS)):
        if chosen[key] not in allowed:
            raise ConfigError(
                f"backend openvino: {key} is {chosen[key]!r}; it must be one of {', '.join(allowed)}",
                hint="see docs/backends/intel.md",
            )
    return OpenVinoBackend(chosen["device"], chosen["precision"], chosen["quantization"])


def _is(device: str, listed: str) -> bool:
    """Match a kind of device with one that is listed; several of a kind are numbered, GPU.0, GPU.1."""
    return listed.partition(".")[0] == device

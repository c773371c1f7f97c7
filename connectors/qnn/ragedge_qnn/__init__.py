"""A backend on Qualcomm's Hexagon tensor processor (HTP), by the plugin provider ``onnxruntime-qnn``.

Options of the provider: https://github.com/onnxruntime/onnxruntime-qnn, QNN-ExecutionProvider.md.
"""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ragedge.datatypes import Probe
from ragedge.errors import ConfigError

PACKAGE = "onnxruntime_qnn"
# soc_model/htp_arch of chips that the compiler of this wheel was tried with, and the names they are sold under.
TARGETS: Mapping[str, str] = {
    "43/73": "Snapdragon 8 Gen 2 (SM8550)",
    "57/75": "Snapdragon 8 Gen 3 (SM8650)",
    "69/79": "Snapdragon 8 Elite (SM8750)",
}
PASSED_ON = (
    "htp_performance_mode", "htp_graph_finalization_optimization_mode", "vtcm_mb", "qnn_context_priority",
    "rpc_control_latency", "enable_htp_shared_memory_allocator",
)  # fmt: skip
OPTIONS = ("target", "quantization", *PASSED_ON)
_X86 = frozenset({"x86_64", "amd64"})
_FASTRPC = ("/dev/adsprpc-smd", "/dev/fastrpc-cdsp")  # what the HTP is reached by, on Linux and Android


class QnnBackend:
    """Static graphs, quantized, on the HTP or on its emulator."""

    name = "qnn"
    graph_profile = "static"
    provider = "QNNExecutionProvider"

    def __init__(self, options: Mapping[str, str]) -> None:
        self.quantization = options.get("quantization", "a16w8")
        self._target = options.get("target")
        self._passed_on = {key: options[key] for key in PASSED_ON if key in options}

    @property
    def provider_library(self) -> Path | None:
        """Return the provider's library in the installed package."""
        return _folder() / _library("onnxruntime_providers_qnn")

    def provider_options(self) -> Mapping[str, str]:
        """Return the options for the target that is set; on x86-64, where an emulator runs, for the first."""
        target = self._target or (next(iter(TARGETS)) if _emulated() else None)
        return self.target_options(target) if target else self._common()

    def targets(self) -> Sequence[str]:
        """Return the chips that were tried, each ``soc_model/htp_arch``."""
        return tuple(TARGETS)

    def target_options(self, target: str, /) -> Mapping[str, str]:
        """Return the provider's options for a chip, ``soc_model/htp_arch``."""
        if not re.fullmatch(r"\d{1,4}/\d{2,3}", target):
            raise ConfigError(
                f"backend qnn: target is {target!r}; it must be soc_model/htp_arch, such as "
                f"{', '.join(f'{key} for {chip}' for key, chip in TARGETS.items())}",
                hint="see docs/backends/qualcomm.md",
            )
        soc, _, arch = target.partition("/")
        return {**self._common(), "soc_model": soc, "htp_arch": arch}

    def device_metadata(self) -> Mapping[str, str]:
        """Ask nothing of the device: the provider lists one."""
        return {}

    def versions(self) -> Mapping[str, str]:
        """Return the versions of onnxruntime and of the provider."""
        return {"onnxruntime": version("onnxruntime"), "onnxruntime-qnn": _installed() or "none"}

    def probe(self) -> Probe:
        """Say whether the HTP, or its emulator, is here."""
        found = _installed()
        if found is None:
            return Probe(False, "onnxruntime-qnn is not installed: pip install onnxruntime-qnn")
        if not (_folder() / _library("QnnHtp")).is_file():
            return Probe(False, f"onnxruntime-qnn {found} has no HTP library for {platform.machine()}")
        if _emulated():
            reason = f"the compiler and the Hexagon emulator of onnxruntime-qnn {found}; no NPU is here"
            return Probe(True, reason, ("Hexagon emulator",))
        if platform.system() == "Linux" and not any(Path(path).exists() for path in _FASTRPC):
            return Probe(False, f"no Hexagon NPU: neither {' nor '.join(_FASTRPC)} is there")
        return Probe(True, f"onnxruntime-qnn {found}", ("Hexagon HTP",))

    def _common(self) -> dict[str, str]:
        # Else the processor rounds the graph's inputs and outputs, and those nodes are no longer on the NPU.
        options = {"offload_graph_io_quantization": "0", **self._passed_on}
        if _installed() is not None:
            options["backend_path"] = str(_folder() / _library("QnnHtp"))
        return options


def create(options: Mapping[str, Any]) -> QnnBackend:
    """Build the backend.

    Args:
        options: ``target`` (``soc_model/htp_arch``; the device's own if left out), ``quantization`` (``a16w8`` or
            ``a8w8``), and options of the provider by their own names.

    Raises:
        ConfigError: an option is unknown or of the wrong form.
    """
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise ConfigError(
            f"backend qnn has no option {unknown[0]!r}; options: {', '.join(OPTIONS)}",
            hint="see docs/backends/qualcomm.md",
        )
    backend = QnnBackend({key: str(value) for key, value in options.items()})
    if backend.quantization not in ("float", "a16w8", "a8w8"):
        raise ConfigError(
            f"backend qnn: quantization is {backend.quantization!r}; it must be a16w8, a8w8 or float",
            hint="see docs/backends/qualcomm.md",
        )
    if "target" in options:
        backend.target_options(str(options["target"]))
    return backend


def _installed() -> str | None:
    try:
        return version("onnxruntime-qnn") if importlib.util.find_spec(PACKAGE) else None
    except PackageNotFoundError:
        return None


def _folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    return Path(spec.origin).parent if spec is not None and spec.origin else Path(PACKAGE)


def _library(base: str) -> str:
    return f"{base}.dll" if platform.system() == "Windows" else f"lib{base}.so"


def _emulated() -> bool:
    return platform.system() == "Linux" and platform.machine().lower() in _X86

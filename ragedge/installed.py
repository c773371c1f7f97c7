"""Where an installed bundle stands: a folder with two slots, of which one is in use.

::

    DIR/
      installed.json     which slot is in use; replaced in one step
      a/  b/             a slot: laid out as a home, so RAGEDGE_HOME=DIR/a works for every command
        bundle.json      what was signed       bundle.sig      by whom
        models/NAME/     kb/default/           parts/KIND/     sbom.cdx.json
        .in-use          locked by whoever has it open

``ragedge.open(DIR)`` opens the slot in use, with its own models; ``bundle`` writes here.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from ragedge.errors import BusyError, StoreError

STATE = "installed.json"
MANIFEST, SIGNATURE, IN_USE = "bundle.json", "bundle.sig", ".in-use"
SlotName = Literal["a", "b"]
SLOTS: tuple[SlotName, ...] = get_args(SlotName)
_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the two places of a bundle; ``path`` is its folder."""

    path: Path

    @property
    def kb(self) -> Path:
        """Its knowledge base."""
        return self.path / "kb" / "default"

    @property
    def models(self) -> Path:
        """Its models, a folder each."""
        return self.path / "models"

    @property
    def parts(self) -> Path:
        """What else travelled along: adapters, compiled contexts; a folder for each kind."""
        return self.path / "parts"


@dataclass(frozen=True, slots=True)
class State:
    """What ``installed.json`` says.

    Attributes:
        name: Of the bundles that belong here.
        current: The slot in use; None before the first install is whole.
        highest: The highest version that ever was in use.
        versions: What each slot holds; a slot that is being written holds nothing.
    """

    name: str = ""
    current: SlotName | None = None
    highest: int = 0
    versions: Mapping[SlotName, int] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        """Return the file's content."""
        content = {
            "format": _FORMAT, "name": self.name, "current": self.current, "highest": self.highest,
            "versions": dict(self.versions),
        }  # fmt: skip
        return json.dumps({**content, "sha256": _digest(content)}, indent=1).encode()

    @classmethod
    def parse(cls, data: bytes, named: Path) -> State:
        """Read the file.

        Raises:
            StoreError: it is not what was written.
        """
        try:
            content = json.loads(data)
            # One bit makes a lower highest release of it: nothing else would tell.
            if content["format"] != _FORMAT or content.pop("sha256") != _digest(content):
                raise ValueError
            versions = {name: int(version) for name, version in content["versions"].items() if name in SLOTS}
            current = content["current"]
            if current is not None and current not in versions:
                raise ValueError
            return cls(str(content["name"]), current, int(content["highest"]), versions)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise StoreError(
                f"{named} is damaged", hint="ragedge bundle install BUNDLE --to NEW_DIR"
            ) from exc


def _digest(content: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_state(folder: Path) -> State | None:
    """Return what is installed in a folder; None where it is no folder of slots.

    Raises:
        StoreError: its state cannot be read.
    """
    try:
        data = (folder / STATE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise StoreError(f"{folder / STATE} cannot be read", hint="check its permissions") from exc
    return State.parse(data, folder / STATE)


def slot_in_use(path: str | os.PathLike[str]) -> Slot | None:
    """Return the slot that a path means: that in use of a folder of slots, or the one whose knowledge base it is.

    Raises:
        StoreError: nothing is in use there yet, or its state cannot be read.
    """
    folder = Path(path).expanduser().absolute()
    state = read_state(folder)
    if state is not None:
        if state.current is None:
            raise StoreError(
                f"no bundle is installed in {folder} yet", hint=f"ragedge bundle install BUNDLE --to {folder}"
            )
        return Slot(folder / state.current)
    slot = Slot(folder.parent.parent)
    return slot if folder == slot.kb and (slot.path / MANIFEST).is_file() else None


def knowledge_base_of(path: Path) -> Path:
    """Return the knowledge base that a path means: its own, or that of the slot in use."""
    slot = slot_in_use(path)
    return path if slot is None else slot.kb


def hold(slot: Slot) -> BinaryIO | None:
    """Keep a slot from being overwritten until the file that this returns is closed; None where that cannot be done.

    Raises:
        BusyError: it is being overwritten right now, another one having come into use.
    """
    try:
        file = (slot.path / IN_USE).open("rb")
    except OSError:
        return None
    if os.name == "posix":
        import fcntl

        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise BusyError(f"{slot.path} is being overwritten", hint="open it again") from None
        except OSError:  # a file system without locks
            file.close()
            return None
    return file

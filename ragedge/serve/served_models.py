"""The names that clients ask for: the grounded model, and the plain generator and embedder behind it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ragedge.config import EmbedConfig, GenerateConfig
from ragedge.serve.refusals import RefusedError

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase
    from ragedge.models.store import ModelFolder

GROUNDED = "ragedge"
NO_GENERATOR = "none"
_TAG = ":latest"

Kind = Literal["grounded", "generator", "embedder"]


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One name.

    Attributes:
        name: Without a tag.
        kind: ``grounded`` answers from the documents; ``generator`` and ``embedder`` are models as they are.
        folder: Where it is installed; None for a plugin's own, and for the grounded one, which is all together.
        created: Seconds since the epoch.
    """

    name: str
    kind: Kind
    folder: ModelFolder | None
    created: int

    @property
    def tagged(self) -> str:
        """The name as Ollama's clients have it."""
        return self.name if ":" in self.name else self.name + _TAG


class ServedModels:
    """Of one knowledge base; nothing is loaded to list them."""

    def __init__(self, kb: KnowledgeBase) -> None:
        self._kb = kb
        self._found: dict[str, ServedModel] | None = None
        self._began = int(time.time())

    def all(self) -> list[ServedModel]:
        """Return them, the grounded one first."""
        return list(self._by_name().values())

    def find(self, name: str) -> ServedModel:
        """Return the model of a name, with or without its tag.

        Raises:
            RefusedError: 404: there is none.
        """
        found = self._by_name().get(name.removesuffix(_TAG))
        if found is None:
            raise RefusedError(
                404, f"model {name[:80]!r} not found; there are: {', '.join(self._by_name())}",
                code="model_not_found", param="model",
            )  # fmt: skip
        return found

    def _by_name(self) -> dict[str, ServedModel]:
        if self._found is None:
            folders = self._kb.model_folders()
            models = [ServedModel(GROUNDED, "grounded", None, self._began)]
            generate, embed = self._kb.config.generate, self._kb.config.embed
            if generate.generator != NO_GENERATOR:
                own = (
                    generate.generator == GenerateConfig().generator
                    or generate.model != GenerateConfig().model
                )
                name = generate.model if own else generate.generator
                models.append(self._plain(name, "generator", folders.get("generator") if own else None))
            own = embed.embedder == EmbedConfig().embedder or embed.model != EmbedConfig().model
            name = embed.model if own else embed.embedder
            models.append(self._plain(name, "embedder", folders.get("embedder") if own else None))
            self._found = {model.name: model for model in models}
        return self._found

    def _plain(self, name: str, kind: Kind, folder: ModelFolder | None) -> ServedModel:
        created = int(folder.path.stat().st_mtime) if folder is not None else self._began
        return ServedModel(name, kind, folder, created)

"""The adapters of a knowledge base: its own, private data, in its rows; they go where it goes, and nowhere else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge.errors import ModelNotFoundError
from ragedge.question_text import checked_name

if TYPE_CHECKING:
    from ragedge.index.store import Store

_NOTE = "adapter."


class AdapterStore:
    """Of one knowledge base."""

    def __init__(self, store: Store) -> None:
        self._learned = store.learned

    def names(self) -> list[str]:
        """Return the names of those there are."""
        return sorted(key.removeprefix(_NOTE) for key in self._learned.noted(_NOTE))

    def add(self, name: str, folder: Path, model: str) -> None:
        """Take in an adapter from a folder as PEFT saves it, after trying it on the model's graph.

        Args:
            name: As questions will name it; one of that name is replaced.
            folder: Holds ``adapter_config.json`` and ``adapter_model.safetensors``.
            model: The installed model that it is for.

        Raises:
            ModelError: the folder is not an adapter, or fits the model not.
            ValueError: no adapter can have that name.
        """
        from ragedge.generate.adapters import Adapters
        from ragedge.models import store
        from ragedge.models.lora import read_peft

        checked_name(name)
        data = read_peft(folder)
        found = store.find(model)
        if found.manifest.decoder is None:
            raise ModelNotFoundError(f"{model} is not a generator", hint="ragedge models list")
        Adapters.prepare(found.path, found.manifest.decoder)[1].add(name, data)
        self._learned.set_note(_NOTE + name, {"model": model, "data": base64.b64encode(data).decode()})

    def read(self, name: str) -> bytes:
        """Return an adapter as ``OnnxGenerator.add_adapter`` takes it.

        Raises:
            ModelNotFoundError: there is none of that name.
        """
        return base64.b64decode(self._note(name)["data"])

    def model(self, name: str) -> str:
        """Return the model that an adapter was added for."""
        return self._note(name)["model"]

    def remove(self, name: str) -> None:
        """Remove an adapter.

        Raises:
            ModelNotFoundError: there is none of that name.
        """
        self._note(name)
        self._learned.forget_note(_NOTE + name)

    def _note(self, name: str) -> dict[str, str]:
        found: dict[str, str] | None = self._learned.note(_NOTE + checked_name(name))
        if found is None:
            raise ModelNotFoundError(
                f"no adapter named {name!r}; there are: {', '.join(self.names()) or 'none'}",
                hint="ragedge adapter list",
            )
        return found

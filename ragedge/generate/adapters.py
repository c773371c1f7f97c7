"""The adapters of one generator: laid out for its graph once, bound when a generation asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragedge.errors import ModelNotFoundError, UnsupportedModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ragedge.models.manifest import DecoderFacts
    from ragedge.runtime.decoder import Decoder
    from ragedge.runtime.prefix_slots import PrefixSlots
    from ragedge.runtime.static_decoder import StaticDecoder


@dataclass(frozen=True, slots=True)
class _Ready:
    digest: str
    inputs: Mapping[str, NDArray[np.float32]]


class Adapters:
    """Make them with ``prepare``, beside the graph that takes them, or with ``unsupported``."""

    def __init__(
        self, sites: Mapping[str, tuple[int, int]], *, kv_rows: int, head_dim: int, interleaved: bool
    ) -> None:
        self._sites = sites
        self._kv_rows, self._head_dim, self._interleaved = kv_rows, head_dim, interleaved
        self._ready: dict[str, _Ready] = {}

    @classmethod
    def prepare(cls, folder: Path, facts: DecoderFacts) -> tuple[bytes, Adapters]:
        """Return a model folder's graph with inputs for adapters, and what lays adapters out for it."""
        from ragedge.models.compile.adapter_graph import with_adapter_inputs
        from ragedge.runtime.decoder import GRAPH_NAME

        graph, sites, interleaved = with_adapter_inputs((folder / GRAPH_NAME).read_bytes())
        kv_rows = facts.kv_heads * facts.head_dim
        return graph, cls(sites, kv_rows=kv_rows, head_dim=facts.head_dim, interleaved=interleaved)

    @classmethod
    def unsupported(cls) -> Adapters:
        """Return those of a graph that takes none."""
        return cls({}, kv_rows=0, head_dim=0, interleaved=False)

    def add(self, name: str, data: bytes) -> None:
        """Take an adapter; see ``OnnxGenerator.add_adapter``."""
        from ragedge.models.lora import from_bytes, laid_out

        if not name:
            raise ValueError("an adapter needs a name")
        if not self._sites:
            raise UnsupportedModelError(
                "the model was opened without inputs for adapters", hint="set the generator's option adapters"
            )
        lora = from_bytes(data)
        inputs = laid_out(
            lora, self._sites, kv_rows=self._kv_rows, head_dim=self._head_dim, interleaved=self._interleaved
        )
        self._ready[name] = _Ready(lora.digest, inputs)

    def require(self, name: str) -> None:
        """Check that there is an adapter of that name, or that none is asked for.

        Raises:
            ModelNotFoundError: there is none.
        """
        if name and name not in self._ready:
            raise ModelNotFoundError(
                f"no adapter named {name!r}; there are: {', '.join(sorted(self._ready)) or 'none'}",
                hint="ragedge adapter list",
            )

    def digests(self) -> frozenset[str]:
        """Return what tells them from others, by their content."""
        return frozenset(one.digest for one in self._ready.values())

    def name_of(self, digest: str) -> str:
        """Return the name of the adapter with a digest; empty for none."""
        return next((name for name, one in self._ready.items() if one.digest == digest), "")

    def activate(self, name: str, decoder: Decoder | StaticDecoder, slots: PrefixSlots) -> None:
        """Bind an adapter, or none; what the decoder held under another is kept in a slot."""
        wanted = self._ready[name] if name else _Ready("", {})
        if decoder.adapter != wanted.digest:
            slots.keep(decoder)
            decoder.use_adapter(wanted.digest, wanted.inputs)

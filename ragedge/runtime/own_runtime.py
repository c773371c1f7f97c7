"""A graph on a vendor's own runtime, in the shape of every other session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragedge.runtime.failures import foreign
from ragedge.runtime.placement import PlacedNode, Placement
from ragedge.runtime.session import Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.protocols import OpenGraph


class OwnSession(Session):
    """Runs what a ``GraphRuntime`` opened."""

    def __init__(self, graph: OpenGraph, name: str, provider: str) -> None:
        self.native = graph
        self.name = name
        self.provider = provider
        self.input_names = tuple(graph.input_names)
        self.output_names = tuple(graph.output_names)

    def input_shape(self, name: str) -> tuple[int | str | None, ...]:
        """Shapes are not told: static graphs are fed by who made them."""
        raise LookupError(f"{self.provider} does not tell the shape of {name!r} in {self.name}")

    def run(
        self, feeds: Mapping[str, NDArray[Any]], outputs: Sequence[str] | None = None
    ) -> dict[str, NDArray[Any]]:
        """Run the graph once; see ``Session.run``."""
        if set(feeds) != set(self.input_names):
            raise ValueError(
                f"{self.name} takes {', '.join(self.input_names)}; got {', '.join(sorted(feeds))}"
            )
        with foreign("run", self.name, self.provider):
            values = self.native.run(feeds)
        return {name: values[name] for name in outputs or self.output_names}

    def placement(self) -> Placement:
        """Return which nodes the runtime put on the device that was asked for."""
        operators: Counter[str] = Counter()
        elsewhere: list[PlacedNode] = []
        placed: Sequence[tuple[str, str, str]] = self.native.placement()
        for name, operator, device in placed:
            if device:
                operators[operator] += 1
            else:
                elsewhere.append(PlacedNode(name, operator, "none"))
        return Placement(len(placed), operators.total(), tuple(elsewhere), dict(operators))

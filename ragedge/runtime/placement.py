"""Which provider computes which node, from the runtime's own record of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RECORD_ENTRY = ("session.record_ep_graph_assignment_info", "1")


@dataclass(frozen=True, slots=True)
class PlacedNode:
    """A node that another provider took than the one asked for."""

    name: str
    operator: str
    provider: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the nodes of a loaded graph run.

    Attributes:
        nodes: In all; a compiled graph is a single one.
        on_provider: Of those, on the provider that was asked for.
        elsewhere: The others, one by one.
        operators: How many of each operator the provider took.
    """

    nodes: int
    on_provider: int
    elsewhere: tuple[PlacedNode, ...]
    operators: Mapping[str, int]

    @property
    def whole(self) -> bool:
        """Whether every node is where it was asked to be."""
        return not self.elsewhere


def placement_of(native: Any, provider: str) -> Placement:
    """Read the record of a session that was opened with ``RECORD_ENTRY``."""
    elsewhere: list[PlacedNode] = []
    operators: Counter[str] = Counter()
    for subgraph in native.get_provider_graph_assignment_info():
        for node in subgraph.get_nodes():
            if subgraph.ep_name == provider:
                operators[node.op_type] += 1
            else:
                elsewhere.append(PlacedNode(node.name, node.op_type, subgraph.ep_name))
    taken = operators.total()
    return Placement(taken + len(elsewhere), taken, tuple(elsewhere), dict(operators))

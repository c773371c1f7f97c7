"""Keys and values of a text, copied out of a decoder's buffers, to be put back later or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KvState:
    """What a decoder knows of a text.

    Attributes:
        tokens: The text.
        planes: (2 * layers, kv_heads, len(tokens), head_dim), float32 or float16: keys and values by turns.
        adapter: What was active beside the weights; empty for none.
    """

    tokens: tuple[int, ...]
    planes: NDArray[Any]
    adapter: str = ""

    @property
    def nbytes(self) -> int:
        """Memory that the planes take."""
        return int(self.planes.nbytes)

    def shared(self, ids: Sequence[int]) -> int:
        """Return how many of its first tokens are the first of ids."""
        return shared_prefix(self.tokens, ids)


def shared_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the length of the longest beginning that two texts share."""
    most = min(len(one), len(other))
    return next((i for i in range(most) if one[i] != other[i]), most)

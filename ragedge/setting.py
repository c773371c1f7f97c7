"""What a setting says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Le


@dataclass(frozen=True, slots=True)
class Setting(GroupedMetadata):
    """What a setting is for, and its bounds, as pydantic reads them off an annotation."""

    description: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None

    def __iter__(self) -> Iterator[BaseMetadata]:
        if self.ge is not None:
            yield Ge(self.ge)
        if self.gt is not None:
            yield Gt(self.gt)
        if self.le is not None:
            yield Le(self.le)

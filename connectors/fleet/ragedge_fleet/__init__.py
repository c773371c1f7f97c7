"""Builds many knowledge bases at once, one per vehicle line, on a Dask cluster."""

from __future__ import annotations

from ragedge_fleet.building import build_fleet
from ragedge_fleet.plan import Line, read_plan

__all__ = ["Line", "build_fleet", "read_plan"]

"""Tests and files that the docs name as proof exist."""

from __future__ import annotations

import re

import pytest
from pages import PAGES, ROOT, prose

NAMED = sorted(
    {
        (page.name, found)
        for page in PAGES
        for found in re.findall(r"`((?:tests|benchmarks|scripts|ragedge|examples)/[\w/.]+)`", prose(page))
    }
    | {
        ("benchmarks.md", found)
        for found in re.findall(
            r"(?:python3?) ((?:benchmarks|scripts)/\w+\.py)",
            (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"),
        )
    }
)


@pytest.mark.parametrize(("page", "path"), NAMED)
def test_it_exists(page: str, path: str) -> None:
    assert (ROOT / path).exists(), f"{page} names {path}"

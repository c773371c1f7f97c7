"""Connectors stand on what is promised to plugins, and on nothing else of ragedge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "connectors"
PROMISED = {"ragedge", "ragedge.protocols", "ragedge.datatypes", "ragedge.errors", "ragedge.plugins"}
FILES = sorted(FOLDER.glob("*/**/*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_it_imports_what_is_promised_to_plugins(path: Path) -> None:
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            used.add(node.module)
    of_ours = {name for name in used if name.split(".")[0] == "ragedge"}
    tests = {name for name in of_ours if name.startswith("ragedge.testing") and "tests" in path.parts}
    assert of_ours - tests <= PROMISED


def test_each_has_a_readme_tests_and_a_line_in_the_docs() -> None:
    page = (FOLDER.parent / "docs" / "connectors.md").read_text(encoding="utf-8")
    folders = [folder for folder in FOLDER.iterdir() if (folder / "pyproject.toml").is_file()]
    assert folders
    for folder in folders:
        assert (folder / "README.md").is_file()
        assert list((folder / "tests").glob("test_*.py"))
        assert f"connectors/{folder.name}/README.md" in page

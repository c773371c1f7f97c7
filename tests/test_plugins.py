"""Discovery by name, and the rule that every registered plugin keeps its kind's contract."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from ragedge import plugins
from ragedge.errors import PluginConflictError, PluginError, UnknownPluginError

ROOT = Path(__file__).resolve().parent.parent
BUILT_IN = sorted(
    (point.group.removeprefix("ragedge."), point.name)
    for point in distribution("ragedge").entry_points
    if point.group.startswith("ragedge.")
)


def register(folder: Path, package: str, kind: str, name: str, value: str) -> None:
    """Make an installed package of a folder on sys.path, entry point and all."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ragedge.{kind}]\n{name} = {value}\n")


def contract_subclasses(kind: str) -> set[str]:
    """Return the names in ``plugin = "name"`` of test classes that derive from the kind's contract."""
    contract = "".join(part.title() for part in kind.split("_")) + "Contract"
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and contract in {ast.unparse(base) for base in node.bases}:
                found |= {
                    item.value.value
                    for item in node.body
                    if isinstance(item, ast.Assign)
                    and ast.unparse(item.targets[0]) == "plugin"
                    and isinstance(item.value, ast.Constant)
                }
    return found


def test_some_plugins_are_built_in() -> None:
    assert {"loader", "chunker", "embedder", "index", "generator", "backend"} <= {
        kind for kind, _ in BUILT_IN
    }


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_built_in_plugin_keeps_its_contract(kind: str, name: str) -> None:
    assert name in contract_subclasses(kind), (
        f"no test class derives from the {kind} contract with plugin = {name!r}"
    )


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_every_built_in_plugin_has_a_known_kind_and_a_factory(kind: str, name: str) -> None:
    assert kind in plugins.KINDS
    if kind == "index" and name != "exact":
        pytest.importorskip({"hnsw": "hnswlib"}.get(name, name), reason="no wheel for Python 3.13")
    assert callable(plugins.installed(kind)[name].load())  # type: ignore[index, arg-type]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownPluginError, match=r"no chunker plugin named 'secton'.*section") as caught:
        plugins.create("chunker", "secton")
    assert "section" in caught.value.known
    assert "ragedge.chunker" in caught.value.hint


def test_two_plugins_with_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(tmp_path, "rival", "chunker", "section", "rival:create")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PluginConflictError, match=r"rival:create"):
        plugins.create("chunker", "section")


def test_a_broken_plugin_is_named_with_its_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(tmp_path, "broken", "chunker", "broken", "broken_chunker:create")
    (tmp_path / "broken_chunker.py").write_text("import a_library_that_is_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        PluginError, match=r"broken_chunker:create.*a_library_that_is_not_installed"
    ) as caught:
        plugins.create("chunker", "broken")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_broken_plugin_that_nobody_names_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tmp_path, "broken", "chunker", "broken", "broken_chunker_2:create")
    (tmp_path / "broken_chunker_2.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugins.create("chunker", "window", {})
    assert "broken" in plugins.installed("chunker")
    assert "broken_chunker_2" not in sys.modules


def test_options_reach_the_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    register(tmp_path, "echo", "tool", "echo", "echo_tool:create")
    (tmp_path / "echo_tool.py").write_text("def create(options):\n    return dict(options)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert plugins.create("tool", "echo", {"size": 3}) == {"size": 3}

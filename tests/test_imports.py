"""What an import costs: nothing heavy until it is needed."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import ragedge

HEAVY = "numpy pydantic_core msgspec onnxruntime hnswlib usearch sqlite_utils pypdf rich tokenizers onnx gguf"
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(ragedge.__path__, "ragedge.") if m.name != "ragedge.__main__"
)


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name: str) -> None:
    importlib.import_module(name)


@pytest.mark.parametrize(
    "code",
    [
        "import ragedge",
        "import ragedge.cli.main",
        "import ragedge.errors, ragedge.datatypes, ragedge.protocols, ragedge.plugins, ragedge.home",
    ],
)
def test_nothing_heavy_loads_on_import(code: str) -> None:
    loaded = run("-c", f"{code}\nimport sys\nprint(*sys.modules)").stdout.split()
    assert "ragedge" in loaded
    assert not set(HEAVY.split()) & set(loaded)


def test_nothing_heavy_loads_for_help() -> None:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "sys.argv = ['ragedge', '--help']\n"
        "from ragedge.cli.main import main\n"
        "main()"
    )
    done = run("-c", code)
    assert "Usage: ragedge" in done.stdout
    assert "click" in done.stderr.split()
    assert not set(HEAVY.split()) & set(done.stderr.split())


def test_telemetry_is_off_before_the_runtime_can_load() -> None:
    name = "ORT_DISABLE_TELEMETRY"
    code = f"import os; os.environ.pop({name!r}, None); import ragedge; print(os.environ[{name!r}])"
    assert run("-c", code).stdout.strip() == "1"


def test_nothing_shipped_imports_torch() -> None:
    names = [name for name in MODULES if not name.startswith("ragedge.testing")]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = run("-c", code).stdout.split()
    assert "onnxruntime" not in run("-c", "import ragedge, sys; print(*sys.modules)").stdout.split()
    assert not {"torch", "transformers", "llama_cpp", "sentence_transformers", "reportlab", "pytest"} & set(
        loaded
    )

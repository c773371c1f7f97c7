"""The container file and the Yocto recipe: what can be checked without Docker and bitbake."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from ragedge.cli.main import cli

FOLDER = Path(__file__).resolve().parents[2] / "packaging"
DOCKERFILE = FOLDER / "docker" / "Dockerfile"
RECIPE = FOLDER / "yocto/recipes-ragedge/ragedge/ragedge_0.1.0.bb"
UNIT = RECIPE.parent / "files" / "ragedge.service"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M).replace("\\\n", " ")
    return [(line.split()[0], line.split(None, 1)[1]) for line in text.splitlines() if line.strip()]


def check_command(words: list[str]) -> None:
    command = cli.get_command(click.Context(cli), words[0])
    assert command is not None, words[0]
    while isinstance(command, click.Group):
        words = words[1:]
        command = command.get_command(click.Context(command), words[0])
        assert command is not None, words[0]
    known = {flag for item in command.params if isinstance(item, click.Option) for flag in item.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_container_starts_a_command_that_exists() -> None:
    found = dict(instructions())
    assert json.loads(found["ENTRYPOINT"]) == ["ragedge"]
    check_command(json.loads(found["CMD"]))
    assert found["USER"] != "root"


def test_what_is_copied_into_the_image_is_there() -> None:
    root = FOLDER.parent
    for name, rest in instructions():
        if name == "COPY" and "--from" not in rest:
            *sources, _ = rest.split()
            assert all((root / source).exists() for source in sources), rest


def test_shell_of_the_container_file_parses() -> None:
    for name, rest in instructions():
        if name == "RUN":
            subprocess.run(["sh", "-n", "-c", rest], check=True)


def test_the_unit_starts_a_command_that_exists() -> None:
    lines = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if "=" in line)
    program, *words = shlex.split(lines["ExecStart"])
    assert program == "/usr/bin/ragedge"
    check_command(words)
    assert lines["PrivateNetwork"] == "yes"


def test_the_recipe_installs_what_then_runs(tmp_path: Path) -> None:
    text = RECIPE.read_text(encoding="utf-8")
    body = re.search(r"^do_install\(\) \{\n(.*?)^\}", text, re.M | re.S)
    assert body is not None
    wheels, models, image, work = (tmp_path / name for name in ("wheels", "models", "image", "work"))
    for folder in (wheels, models / "minilm-l6", image, work):
        folder.mkdir(parents=True)
    (models / "minilm-l6" / "manifest.json").write_text("{}")
    (work / "ragedge.service").write_text(UNIT.read_text())
    with zipfile.ZipFile(wheels / "ragedge-0.1.0-py3-none-any.whl", "w") as wheel:
        for file in (FOLDER.parent / "ragedge").rglob("*.py"):
            wheel.write(file, file.relative_to(FOLDER.parent))
    native = tmp_path / "bin" / "nativepython3"
    native.parent.mkdir()
    native.symlink_to(sys.executable)
    values = {
        "D": image, "RAGEDGE_SITE": "/opt/ragedge/lib", "bindir": "/usr/bin", "WORKDIR": work,
        "RAGEDGE_WHEELS": wheels, "RAGEDGE_MODELS": models, "systemd_system_unitdir": "/usr/lib/systemd/system",
    }  # fmt: skip
    script = re.sub(r"\$\{(\w+)\}", lambda found: str(values[found[1]]), body[1])
    environment = os.environ | {"PATH": f"{native.parent}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-eu", "-c", script], check=True, env=environment)
    assert (image / "opt/ragedge/models/minilm-l6/manifest.json").is_file()
    assert (image / "usr/lib/systemd/system/ragedge.service").is_file()
    starter = (
        (image / "usr/bin/ragedge").read_text().replace("/opt/ragedge/lib", str(image / "opt/ragedge/lib"))
    )
    done = subprocess.run(
        ["sh", "-c", starter.replace("exec python3", f"exec {sys.executable}"), "ragedge", "--version"],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.stdout.startswith("ragedge, version"), done.stderr


@pytest.mark.parametrize(
    "variable", ["SUMMARY", "LICENSE", "LIC_FILES_CHKSUM", "SRC_URI", "SYSTEMD_SERVICE:${PN}"]
)
def test_the_recipe_says_what_every_recipe_says(variable: str) -> None:
    assert re.search(rf"^{re.escape(variable)} = \"[^\"]+\"$", RECIPE.read_text(), re.M)

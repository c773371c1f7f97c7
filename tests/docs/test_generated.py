"""Generated parts of the docs are what the code says now (also ``make check``), and complete."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from pages import ROOT

import ragedge
from ragedge import plugins
from ragedge.cli.main import cli


def test_generated_parts_are_current() -> None:
    pages = sorted(str(page) for page in (ROOT / "docs").glob("*.md"))
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-P", "-I", "scripts", *pages],
        capture_output=True, text=True, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun: make docs"


@pytest.mark.parametrize("name", cli.list_commands(click.Context(cli)))
def test_every_command_has_help_and_a_place_in_the_reference(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.help
    assert f"## ragedge {name}\n" in (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts}"


@pytest.mark.parametrize("kind", [kind for kind in plugins.KINDS if plugins.installed(kind)])  # type: ignore[arg-type]
def test_every_plugin_kind_in_use_is_explained(kind: str) -> None:
    assert f"`ragedge.{kind}`" in (ROOT / "docs" / "writing_a_plugin.md").read_text(encoding="utf-8")


def test_the_changelog_knows_this_version() -> None:
    assert f"## {ragedge.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

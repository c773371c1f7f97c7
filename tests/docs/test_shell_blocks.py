"""Commands in the docs exist, with the flags they are shown with."""

from __future__ import annotations

import re
import shlex

import click
import pytest
from pages import PAGES, ROOT, blocks, prose

from ragedge.cli.main import cli

LINES = sorted(
    {(str(block), line) for block in blocks("sh") for line in block.code.splitlines() if line.strip()}
)
INLINE = sorted(
    {
        (page.name, found)
        for page in PAGES
        for found in re.findall(r"`(ragedge [a-z][^`]*)`", prose(page))
        if "..." not in found
    }
)
TARGETS = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def check_ragedge(words: list[str]) -> None:
    """Walk from the group to the command that the words name, then look at its flags."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]!r}"
        command = found
        words.pop(0)
    check_flags(command, words)


def check_flags(command: click.Command, words: list[str]) -> None:
    """Look at the flags among words."""
    known = {flag for item in command.params if isinstance(item, click.Option) for flag in item.opts}
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in known | {"--help", "--version"}, f"{command.name} has no {word}"


@pytest.mark.parametrize(("place", "line"), LINES)
def test_a_line_of_a_shell_block(place: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    if not words:
        return
    program = words.pop(0)
    if program == "ragedge":
        check_ragedge(words)
    elif program == "ragedge-watch":
        watch = pytest.importorskip(
            "ragedge_folder_watch.command", reason="connectors/folder_watch is not installed"
        )
        check_flags(watch.main, words)
    elif program == "make":
        assert {word for word in words if "=" not in word} <= TARGETS, place
    else:
        assert program in {"pip", "pytest", "python"}, f"{place}: {program} is not checked here"


@pytest.mark.parametrize(("place", "line"), INLINE)
def test_a_command_in_the_text(place: str, line: str) -> None:
    words = line.split()[1:]
    first = next(
        (i for i, word in enumerate(words) if not re.fullmatch(r"-{0,2}[a-z][a-z-]*", word)), len(words)
    )
    check_ragedge(words[:first])

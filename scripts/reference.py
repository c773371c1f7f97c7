"""Writes the generated parts of the docs; cog calls it (``make docs`` renews, ``make check`` compares)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).resolve().parent.parent


def commands() -> None:
    """Print every command with its help, as a terminal of 96 columns shows it."""
    from ragedge.cli.main import cli

    for path, command in walk(cli, "ragedge"):
        width = {"terminal_width": 96, "max_content_width": 96}
        context = click.Context(command, info_name=path, help_option_names=["-h", "--help"], **width)
        print(f"## {path}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield each command under its full name, groups before their commands."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in sorted(command.list_commands(context)):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from walk(found, f"{path} {name}")


def settings() -> None:
    """Print a table for each section of the configuration."""
    from ragedge.config import Config, schema_of

    defaults = Config()
    for stage in (field.name for field in fields(Config)):
        section = getattr(defaults, stage)
        print(f"## [{stage}]\n\n{section.__doc__.splitlines()[0]}\n")
        print("| key | default | allowed | meaning |\n| --- | --- | --- | --- |")
        for name, schema in schema_of(stage).items():
            shown = toml(getattr(section, name))
            print(f"| `{name}` | {shown} | {allowed(schema)} | {cell(schema['description'])} |")
        print()


def toml(value: Any) -> str:
    """Return a default as TOML writes it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        inner = ", ".join(f'"{key}" = "{item}"' for key, item in value.items())
        return f"`{{ {inner} }}`"
    if isinstance(value, (tuple, list)):
        return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


def allowed(schema: dict[str, Any]) -> str:
    """Return what a key may hold, in words."""
    if "anyOf" in schema:
        return " or ".join(allowed(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{item}`" for item in schema["enum"])
    words = {
        "integer": "whole number", "number": "number", "string": "text", "boolean": "true or false",
        "object": "table", "array": "list", "null": "not set",
    }[schema["type"]]  # fmt: skip
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in schema
    ]
    return " ".join([words, ", ".join(bounds)]).strip()


def plugin_kinds() -> None:
    """Print each plugin kind with what it does and which plugins are built in."""
    built_in: dict[str, list[str]] = {}
    for point in distribution("ragedge").entry_points:
        if point.group.startswith("ragedge."):
            built_in.setdefault(point.group.removeprefix("ragedge."), []).append(f"`{point.name}`")
    print("| group | what it does | built in |\n| --- | --- | --- |")
    tree = ast.parse((ROOT / "ragedge" / "protocols.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            doc = ast.get_docstring(node) or ""
            found = re.search(r"^(.*?) \(``ragedge\.(\w+)``\)", doc)
            if found:
                print(
                    f"| `ragedge.{found[2]}` | {cell(found[1])} | {', '.join(sorted(built_in.get(found[2], [])))} |"
                )


def file(path: str) -> None:
    """Print a file of this repository as a fenced block, whole."""
    language = {".py": "py", ".toml": "toml", ".json": "json"}[Path(path).suffix]
    print(f"```{language}\n{(ROOT / path).read_text(encoding='utf-8').rstrip()}\n```")


def cell(text: str) -> str:
    """Return text that cannot end a table's cell."""
    return text.replace("|", "\\|")

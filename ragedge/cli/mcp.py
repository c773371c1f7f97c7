"""``mcp``: the knowledge base for assistants on this device, over standard input and output."""

from __future__ import annotations

from pathlib import Path

import click

from ragedge.cli import output
from ragedge.cli.command import command, kb_options, open_kb, parse_settings, set_option
from ragedge.extras import require


@click.command()
@kb_options
@set_option
@command()
def mcp(kb_path: Path | None, config_file: Path | None, as_json: bool, settings: tuple[str, ...]) -> None:
    """Serve the manuals to an assistant by the Model Context Protocol, until standard input ends.

    Tools: `search`, `ask`, `documents` and `page`; each page is a resource too. What is said on standard output is the
    protocol, with or without --json.
    """
    require("mcp", "mcp")
    with open_kb(kb_path, config_file, settings=parse_settings(settings)) as kb:
        import anyio

        from ragedge.mcp_server import build

        kb.status()  # a knowledge base that cannot be read ends the command, not the first call
        output.lend()
        anyio.run(build(kb, ready=output.silence).run_stdio_async)

"""The ``ragedge`` command."""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import click

from ragedge import __version__
from ragedge.cli import output

# Where each command is, in this package. Only the one that is called gets imported: with all of them at once a cold
# `ask` took longer for every command that came along.
_COMMANDS = {
    "adapter": "adapter.adapter",
    "ask": "answers.ask",
    "audit": "audit.audit",
    "backends": "backends.backends",
    "bench": "bench.bench",
    "bundle": "bundle.bundle",
    "chat": "chat.chat",
    "demo": "demo.demo",
    "doctor": "doctor.doctor",
    "eval": "eval.evaluate",
    "feedback": "feedback.feedback",
    "index": "index.index",
    "ingest": "documents.ingest",
    "inspect": "inspect.inspect",
    "key": "keys.key",
    "mcp": "mcp.mcp",
    "models": "models.models",
    "redaction": "redaction.redaction",
    "remove": "documents.remove",
    "search": "answers.search",
    "serve": "serve.serve",
    "status": "documents.status",
    "tune": "tune.tune",
    "voice": "voice.voice",
}


class Commands(click.Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None where there is none of that name."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"ragedge.cli.{module}"), attribute)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ragedge")
def cli() -> None:
    """Ask a device's own manuals, on the device.

    Documents, questions and settings stay here; only `ragedge models pull` uses a network.
    """


def main() -> None:
    """Run the command line; exits with 0, 1 (refused or failed), 2 (wrong usage) or 130 (interrupted)."""
    # What imports make lives as long as the process: looking through it for cycles costs a cold start 5%.
    gc.set_threshold(50_000, 20, 20)
    output.claim()
    try:
        cli.main(standalone_mode=False)
    except click.UsageError as exc:
        exc.show(sys.stderr)
        if "--json" in sys.argv:
            output.write_json(
                {
                    "schema": 1,
                    "error": {"type": "UsageError", "message": exc.format_message(), "hint": "--help"},
                }
            )
        sys.exit(2)
    except click.ClickException as exc:
        exc.show(sys.stderr)
        sys.exit(1)
    except click.Abort:
        output.note("interrupted")
        sys.exit(130)

"""The ``ragedge`` command."""

from __future__ import annotations

import gc
import sys

import click

from ragedge import __version__
from ragedge.cli import output
from ragedge.cli.answers import ask, search
from ragedge.cli.backends import backends
from ragedge.cli.demo import demo
from ragedge.cli.doctor import doctor
from ragedge.cli.documents import ingest, remove, status
from ragedge.cli.eval import evaluate
from ragedge.cli.feedback import feedback
from ragedge.cli.index import index
from ragedge.cli.inspect import inspect
from ragedge.cli.keys import key
from ragedge.cli.models import models
from ragedge.cli.tune import tune


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ragedge")
def cli() -> None:
    """Ask a device's own manuals, on the device.

    Documents, questions and settings stay here; only `ragedge models pull` uses a network.
    """


for part in (
    ingest,
    search,
    ask,
    status,
    inspect,
    remove,
    models,
    backends,
    index,
    key,
    doctor,
    evaluate,
    feedback,
    tune,
    demo,
):
    cli.add_command(part)


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

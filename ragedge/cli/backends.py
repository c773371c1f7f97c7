"""``backends``: where models can run on this device."""

from __future__ import annotations

import click

from ragedge.cli import output
from ragedge.cli.command import command, json_option


@click.group()
def backends() -> None:
    """Show where models can run."""


@backends.command("list")
@json_option
@command()
def list_(as_json: bool) -> None:
    """List the installed backends, whether each can run here, and why not."""
    from ragedge import plugins
    from ragedge.errors import PluginError

    rows = []
    for name in sorted(plugins.installed("backend")):
        try:
            probe = plugins.create("backend", name).probe()
            rows.append(
                {
                    "name": name,
                    "available": probe.available,
                    "reason": probe.reason,
                    "devices": list(probe.devices),
                }
            )
        except PluginError as exc:
            rows.append({"name": name, "available": False, "reason": exc.message, "devices": []})
    if as_json:
        output.write_json({"schema": 1, "backends": rows})
        return
    cells = [(str(row["name"]), "yes" if row["available"] else "no", str(row["reason"])) for row in rows]
    output.write(output.table(cells, ("BACKEND", "AVAILABLE", "WHY")))

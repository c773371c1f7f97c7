"""``ragedge-fleet``: the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from ragedge.errors import RagedgeError
from ragedge_fleet.building import Report, build_fleet
from ragedge_fleet.plan import read_plan


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the knowledge bases.",
)
@click.option(
    "--workers", type=click.IntRange(0, 256), default=0, help="Built side by side [default: one a core]."
)
@click.option("--scheduler", metavar="ADDRESS", help="A Dask cluster to use instead of this machine's cores.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def main(plan: Path, out: Path, workers: int, scheduler: str | None, as_json: bool) -> None:
    """Build the knowledge bases of PLAN, one per vehicle line."""
    try:
        reports = build_fleet(
            read_plan(plan), out, workers=workers, scheduler=scheduler, done=None if as_json else show
        )
    except RagedgeError as exc:
        click.echo(f"ragedge-fleet: {exc.message}\n  try: {exc.hint}", err=True)
        if as_json:
            click.echo(json.dumps({"schema": 1, "error": exc.as_dict()}))
        sys.exit(1)
    if as_json:
        click.echo(json.dumps({"schema": 1, "lines": reports}, ensure_ascii=False))
    sys.exit(int(any("error" in report or report["ingest"]["skipped"] for report in reports)))


def show(report: Report) -> None:
    """Print a line's report."""
    if "error" in report:
        click.echo(f"{report['line']}: {report['error']['message']}", err=True)
        return
    ingest = report["ingest"]
    counts = ", ".join(
        f"{len(ingest[key])} {key}" for key in ("added", "updated", "unchanged", "removed", "skipped")
    )
    click.echo(f"{report['line']}: {counts}; {ingest['chunks']} chunks in {ingest['seconds']:.1f} s")

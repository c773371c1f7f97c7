"""``models export``: what a chip maker's own compiler takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ragedge.cli import output
from ragedge.cli.command import command, config_option, json_option, kb_option
from ragedge.cli.passages import passages, spread

if TYPE_CHECKING:
    from ragedge.models.export.exporting import Vendor

_CALIBRATION_TEXTS = 64


@click.command()
@click.argument("name")
@click.option("--for", "vendor", type=click.Choice(["axera", "hailo", "rockchip", "nxp"]), required=True,
              help="Whose compiler.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR",
              help="The folder to write; it must not exist.")  # fmt: skip
@click.option("--chip", metavar="NAME", help="The target, as the compiler names it. [default: the usual one]")
@click.option("--texts", "texts_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Passages of yours, one a line, in place of a knowledge base's.")  # fmt: skip
@kb_option
@config_option
@json_option
@command()
def export(
    name: str, vendor: Vendor, out: Path, chip: str | None, texts_file: Path | None, kb_path: Path | None,
    config_file: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Write model NAME for a maker's compiler: weights, tokenizer, calibration set and the command, which is not run.

    Generators for axera and rockchip, embedders for hailo and nxp. The calibration set holds 64 of your passages as
    they are: treat the folder as you treat the manuals.
    """
    from ragedge.models import store
    from ragedge.models.export.exporting import FORMS, NOT_RUN
    from ragedge.models.export.exporting import export as write
    from ragedge.runtime.threads import thread_count

    folder = store.find(name)
    texts = spread(passages(kb_path, config_file, texts_file), _CALIBRATION_TEXTS)
    files = write(folder, vendor, texts, out, chip=chip, threads=thread_count(0))
    file = FORMS[vendor].script[0]
    if as_json:
        output.write_json(
            {
                "schema": 1,
                "model": name,
                "for": vendor,
                "path": str(out),
                "files": files,
                "command": file,
                "run": False,
            }
        )
        return
    output.write(f"{out}: {', '.join(files)}")
    output.write(f"The command is in {file}. {NOT_RUN}")

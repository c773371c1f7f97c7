"""``voice``: questions that are spoken, and answers that are."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from ragedge.cli import output
from ragedge.cli.answers import session_name, where_option
from ragedge.cli.command import command, kb_options, one_line, open_kb, parse_settings, set_option
from ragedge.extras import require

if TYPE_CHECKING:
    from ragedge.voice.listening import What
    from ragedge.voice.sound import Ear, Mouth
    from ragedge.voice.turn import Turn


@click.command()
@kb_options
@set_option
@where_option
@click.option(
    "--wav", metavar="FILE|-",
    help="Listen to this WAV file; - is standard input: a WAV, or raw samples (16 kHz, one channel, 16 bits).",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write what is spoken to this WAV file instead of the loudspeaker.",
)  # fmt: skip
@click.option(
    "--wake/--no-wake", "wake", default=None,
    help="Wait for the wake word, or take all that is said for a question [default: wait, but not with --wav].",
)  # fmt: skip
@click.option(
    "--session", metavar="NAME", callback=session_name, help="The conversation that questions belong to."
)
@click.option("--device", metavar="NAME", help="Microphone and loudspeaker, as PortAudio names them.")
@command()
def voice(
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    where: tuple[str, ...],
    wav: str | None,
    out: Path | None,
    wake: bool | None,
    session: str | None,
    device: str | None,
) -> None:
    """Listen for questions and speak the answers, sentence by sentence while they are written.

    The engines come with `connectors/voice`; `[voice]` of the settings names others. Said again into an answer, the
    wake word stops it. With --json, each question gives one object.
    """
    require("voice", "num2words", "scipy")
    with open_kb(kb_path, config_file, settings=parse_settings(settings)) as kb:
        from ragedge.voice.assistant import assistant_for

        ear = _ear(wav, device)
        assistant = assistant_for(
            kb,
            wake=wake if wake is not None else wav is None,
            options={"where": where, "session": session},
            noticed=lambda what: note_heard(what, as_json=as_json),
            answered=lambda turn: print_turn(turn, as_json=as_json),
        )
        kb.warm_up()
        mouth = _mouth(out, assistant.output.sample_rate, device)
        try:
            assistant.run(ear, mouth)
        except BaseException:
            getattr(mouth, "discard", mouth.close)()
            raise
        mouth.close()


def _ear(wav: str | None, device: str | None) -> Ear:
    from ragedge.voice.sound import Microphone, RawStream, WavFile

    if wav is None:
        return Microphone(device)
    if wav != "-":
        return WavFile(wav)
    stream = cast("io.BufferedReader", sys.stdin.buffer)
    if stream.peek(4)[:4] == b"RIFF":
        return WavFile(io.BytesIO(stream.read()))
    return RawStream(stream)


def _mouth(out: Path | None, rate: int, device: str | None) -> Mouth:
    from ragedge.voice.sound import Loudspeaker, WavWriter

    return Loudspeaker(rate, device) if out is None else WavWriter(out, rate)


def note_heard(what: What, *, as_json: bool) -> None:
    """Tell the person watching that the wake word was heard."""
    if not as_json and what.name in ("WOKEN", "NOTHING"):
        output.note("listening" if what.name == "WOKEN" else "nothing was asked")


def print_turn(turn: Turn, *, as_json: bool) -> None:
    """Print a question as it was understood, what was said, and where it stands."""
    if as_json:
        output.write_json(turn.as_dict())
        return
    output.write(f"> {one_line(turn.question)}")
    text: Any = turn.answer.text if turn.answer is not None else " ".join(turn.spoken)
    output.write(text + (" ..." if turn.interrupted else ""))
    for place in dict.fromkeys(map(str, turn.answer.citations if turn.answer else ())):
        output.write(f"  {one_line(place)}")

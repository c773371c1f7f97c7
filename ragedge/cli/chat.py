"""``chat``: questions that lean on one another, typed or piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ragedge.cli import output
from ragedge.cli.answers import print_answer, question_lines, session_name, where_option
from ragedge.cli.command import (
    EXIT_FAILED,
    command,
    fail,
    kb_options,
    one_line,
    open_kb,
    parse_settings,
    set_option,
)
from ragedge.errors import RagedgeError
from ragedge.question_text import checked_name

if TYPE_CHECKING:
    from ragedge.knowledge_base import KnowledgeBase

HELP = """/sessions        list the sessions
/switch NAME     go on with another, or begin it
/turns           what was asked and answered here
/clear           forget this session
/explain         show evidence, decision and timings after each answer, or no more
/quit            leave; the session is kept"""


@click.command()
@kb_options
@set_option
@where_option
@click.option(
    "--session", metavar="NAME", default="chat", show_default=True, callback=session_name,
    help="Go on with this conversation; a new name begins one.",
)  # fmt: skip
@click.option("--list", "list_sessions", is_flag=True, help="List the sessions and leave.")
@click.option("--clear", is_flag=True, help="Forget what the session holds first.")
@click.option("--generator", metavar="NAME|none", help="Generator plugin; none answers by quoting alone.")
@click.option("--explain", is_flag=True, help="Show evidence, checks, decision and timings too.")
@command()
def chat(
    kb_path: Path | None,
    config_file: Path | None,
    as_json: bool,
    settings: tuple[str, ...],
    where: tuple[str, ...],
    session: str,
    list_sessions: bool,
    clear: bool,
    generator: str | None,
    explain: bool,
) -> int:
    """Ask one question after another: "and for the diesel?" is understood.

    Each line is a question, or one of the commands that /help lists. An answer is stopped with Ctrl-C, and what was
    said by then stands. The session is kept in the knowledge base and goes on under its name. With --json, each line of
    standard input gives one object, as `ragedge ask -` does.
    """
    flags = parse_settings(settings)
    if generator is not None:
        flags["generate.generator"] = generator
    with open_kb(kb_path, config_file, settings=flags) as kb:
        if list_sessions:
            print_sessions(kb, as_json=as_json)
            return 0
        if clear:
            kb.conversations.clear(session)
        talk = Chat(kb, session, where, explain=explain)
        return talk.answer_json() if as_json else talk.run()


class Chat:
    """One run of the command."""

    def __init__(self, kb: KnowledgeBase, session: str, where: tuple[str, ...], *, explain: bool) -> None:
        self._kb = kb
        self._session = session
        self._where = where
        self._explain = explain
        self._commands: dict[str, Callable[[str], None]] = {
            "/help": lambda _: output.write(HELP),
            "/sessions": lambda _: print_sessions(kb, as_json=False, current=self._session),
            "/switch": self._switch,
            "/turns": lambda _: self._print_turns(),
            "/clear": lambda _: self._clear(),
            "/explain": lambda _: self._toggle(),
        }

    def run(self) -> int:
        """Answer line after line for reading; 1 if a line of a pipe could not be answered."""
        status = 0
        typed = sys.stdin.isatty()
        if typed:
            output.note(f"session {self._session}; /help lists the commands")
        for line in self._lines(prompt=typed):
            if line in ("/quit", "/exit"):
                break
            try:
                self._take(line)
            except RagedgeError as exc:
                fail(exc, as_json=False)
                status = 0 if typed else EXIT_FAILED
        return status

    def answer_json(self) -> int:
        """Answer line after line with one object each."""
        status = 0
        for item in question_lines():
            try:
                if isinstance(item, RagedgeError):
                    raise item
                name = item["session"] or self._session
                answer = self._kb.ask(item["question"], where=item["where"] or self._where, session=name)
                whole = self._kb.conversations.turns(name)[-1].whole
                output.write_json({**answer.as_dict(), "session": name, "question": whole})
            except RagedgeError as exc:
                fail(exc, as_json=True)
                status = EXIT_FAILED
        return status

    def _take(self, line: str) -> None:
        if line.startswith("/"):
            word, _, rest = line.partition(" ")
            known = self._commands.get(word)
            if known is None:
                output.note(f"there is no command {one_line(word)}; /help lists them")
            else:
                known(rest.strip())
            return
        try:
            options: dict[str, Any] = {"session": self._session}
            print_answer(self._kb, line, self._where, options, explain=self._explain)
        except KeyboardInterrupt:
            output.note("stopped")  # what was handed out stands, in the session too
        output.write()

    def _lines(self, *, prompt: bool) -> Iterator[str]:
        while True:
            if prompt:
                sys.stderr.write("> ")
                sys.stderr.flush()
            raw = sys.stdin.readline()
            if not raw:
                return
            if line := raw.strip():
                yield line

    def _switch(self, name: str) -> None:
        try:
            checked_name(name)
        except ValueError as exc:
            output.note(str(exc))
            return
        self._kb.conversations.keep(self._session)
        self._session = name
        turns = len(self._kb.conversations.turns(name)) if name in self._kb.conversations.names() else 0
        output.note(f"session {name}, {turns} turns")

    def _clear(self) -> None:
        self._kb.conversations.clear(self._session)
        output.note(f"session {self._session} is empty")

    def _toggle(self) -> None:
        self._explain = not self._explain
        output.note(f"explanations {'on' if self._explain else 'off'}")

    def _print_turns(self) -> None:
        if self._session not in self._kb.conversations.names():
            return
        for turn in self._kb.conversations.turns(self._session):
            output.write(f"> {one_line(turn.asked)}")
            output.write(one_line(turn.answer) + ("" if turn.finished else " ..."))


def print_sessions(kb: KnowledgeBase, *, as_json: bool, current: str | None = None) -> None:
    """Print the sessions and how many turns each has."""
    counts = {name: len(kb.conversations.turns(name)) for name in kb.conversations.names()}
    if as_json:
        output.write(
            json.dumps({"schema": 1, "sessions": [{"name": n, "turns": c} for n, c in counts.items()]})
        )
        return
    for name, count in counts.items():
        output.write(f"{name}  {count} turns{'  (this one)' if name == current else ''}")

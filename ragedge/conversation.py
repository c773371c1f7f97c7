"""Conversations: what was asked and answered under a name, so that the next question may lean on it.

The turns are rows of the knowledge base: encrypted with it, and gone from it with the documents they speak of. What
the model read lies beside them as a file that only saves time: missing, damaged or of another model, the prompt is
read anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ragedge.errors import DamagedError, SessionMismatchError, SessionNotFoundError
from ragedge.generate.prompt_memory import Block
from ragedge.generate.terms import content_terms
from ragedge.question_text import checked_name
from ragedge.retrieve.follow_up import leans, telling_words, whole_question
from ragedge.retrieve.neighbours import chunk_of

if TYPE_CHECKING:
    from ragedge.datatypes import Answer, ScoredChunk
    from ragedge.parts import Parts
    from ragedge.protocols import Generator

log = logging.getLogger("ragedge")

_MOST_TURNS = 100  # the oldest go
_NOTE = "session."


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer.

    Attributes:
        asked: As it was typed.
        whole: With what it leaned on.
        answer: The text that was handed out; empty where nothing was.
        abstained: The answer was that the manual does not say.
        sources: The documents cited.
        passages: The chunks cited, each as (source, chunk id).
        finished: It was not stopped in the middle.
    """

    asked: str
    whole: str
    answer: str
    abstained: bool = False
    sources: tuple[str, ...] = ()
    passages: tuple[tuple[str, str], ...] = ()
    finished: bool = True


class Conversations:
    """Of one open knowledge base; ``KnowledgeBase.conversations``. May be shared by threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._loaded: set[str] = set()
        self._active: str | None = None  # whose prompt the generator read last

    def names(self) -> list[str]:
        """Return the sessions there are, in the order of their names."""
        return sorted(key.removeprefix(_NOTE) for key in self._parts.store().learned.noted(_NOTE))

    def turns(self, name: str) -> list[Turn]:
        """Return what was asked and answered in a session, oldest first.

        Raises:
            SessionNotFoundError: there is none of that name.
            ValueError: no session can have that name.
        """
        turns = self._turns(name)
        if turns is None:
            raise SessionNotFoundError(
                f"there is no session {name!r}; there are {len(self.names())}", hint="ragedge chat --list"
            )
        return turns

    def clear(self, name: str) -> None:
        """Forget a session and what the model read for it; no error where there is none."""
        learned = self._parts.store().learned
        if self._turns(name) is not None:
            learned.forget_note(_NOTE + name)
        self._parts.vault.delete(_file(name))
        self._parts.forget_texts()
        with self._lock:
            self._loaded.discard(name)
            self._active = None if self._active == name else self._active

    def whole(self, name: str, question: str) -> tuple[str, list[ScoredChunk]]:
        """Return a question with what it leans on, and the passages of the turn before that are still right.

        A passage is, where the question leans, the passage stands as it was cited, and it speaks of what is new in the
        question.
        """
        turns = self._turns(name) or []
        if not turns:
            return question, []
        whole = whole_question(question, [turn.whole for turn in turns])
        if not leans(question):
            return whole, []
        new = set(content_terms(" ".join(telling_words(question))))
        store = self._parts.store()
        hits = [chunk_of(store, source, chunk_id) for source, chunk_id in turns[-1].passages]
        return whole, [hit for hit in hits if hit is not None and (not new or new & _terms(hit))]

    def ready(self, name: str) -> Callable[[Generator], str | None]:
        """Return what makes a generator know the session's text, once; it returns what went wrong, in words."""

        def load(generator: Generator) -> str | None:
            with self._lock:
                self._active = name
                if name in self._loaded:
                    return None
                self._loaded.add(name)
            take_in = getattr(generator, "load", None)
            if take_in is None or not generator.capabilities.kv_state:
                return None
            try:
                note = take_in(self._parts.vault.read(_file(name)))
            except FileNotFoundError:
                return None
            except SessionMismatchError as exc:
                log.info("a saved context was refused")
                return f"{exc.message}: read anew"
            except DamagedError:
                self._parts.vault.delete(_file(name))
                return "the saved context is damaged: read anew"
            self._parts.prompts.note(
                tuple(Block(b["chunk_id"], b["title"], tuple(b["lines"])) for b in note["blocks"])
            )
            return None

        return load

    def add(self, name: str, asked: str, whole: str, answer: Answer, *, finished: bool) -> None:
        """Remember a turn; on a medium that cannot be written, nothing is."""
        if self._parts.vault.read_only:
            return
        passages = _cited(answer)
        sources = tuple(dict.fromkeys(source for source, _ in passages))
        turn = Turn(asked, whole, answer.text, answer.abstained, sources, passages, finished)
        turns = [*(self._turns(name) or []), turn][-_MOST_TURNS:]
        self._write(name, turns)

    def keep(self, name: str) -> bool:
        """Write what the model read for a session to the disk; False where it read another's last, or keeps none."""
        with self._lock:
            active = self._active == name
        generator = self._parts.generator_if_any()
        save = getattr(generator, "save", None)
        if not active or save is None or self._parts.vault.read_only:
            return False
        recent = self._parts.prompts.recent()
        blocks = [asdict(block) for block in recent[0]] if recent else []
        self._parts.vault.write_atomic(_file(name), save(note={"blocks": blocks}))
        return True

    def close(self) -> None:
        """Keep what the model read last, if that was for a session."""
        with self._lock:
            name = self._active
        if name is not None and self._parts.store_if_any() is not None and self._turns(name):
            self.keep(name)

    def forget_sources(self, sources: Iterable[str]) -> None:
        """Forget every turn that speaks of documents that have gone or changed, and all that the model read."""
        gone = set(sources)
        if not gone:
            return
        for name in self.names():
            turns = self._turns(name) or []
            left = [turn for turn in turns if not gone & set(turn.sources)]
            if len(left) != len(turns):
                self._write(name, left)
            self._parts.vault.delete(_file(name))
        with self._lock:
            self._loaded.clear()
            self._active = None
        self._parts.forget_texts()

    def _turns(self, name: str) -> list[Turn] | None:
        found = self._parts.store().learned.note(_NOTE + checked_name(name))
        return None if found is None else [_turn(item) for item in found["turns"]]

    def _write(self, name: str, turns: Sequence[Turn]) -> None:
        self._parts.store().learned.set_note(_NOTE + name, {"turns": [asdict(turn) for turn in turns]})


def _file(name: str) -> str:
    return f"session-{checked_name(name)}.context"


def _turn(item: dict[str, Any]) -> Turn:
    passages = tuple((source, chunk_id) for source, chunk_id in item["passages"])
    return Turn(**{**item, "sources": tuple(item["sources"]), "passages": passages})


def _cited(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Return the passages that hold what an answer cites, best first."""
    places = {(c.source, c.page, c.quote) for c in answer.citations}
    return tuple(
        dict.fromkeys(
            (hit.source, hit.chunk_id)
            for hit in answer.passages
            if any(
                source == hit.source and (page in hit.pages or page == hit.page) and quote in hit.text
                for source, page, quote in places
            )
        )
    ) or tuple(dict.fromkeys((c.source, "") for c in answer.citations))


def _terms(hit: ScoredChunk) -> set[str]:
    return set(content_terms(" \n ".join((*hit.heading, hit.context, hit.text))))

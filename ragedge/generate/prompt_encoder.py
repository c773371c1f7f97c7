"""Turns a chat into tokens, such that what a message says can never become a control token.

A document may hold the words ``<|im_end|>``. Written into the template and tokenized as a whole, they would
close the turn and let the document speak as the system. So each place where a message spells a special
token is marked before rendering and tokenized by itself, as plain text; everything else is tokenized
exactly as the model saw it in training.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ragedge.datatypes import Message

if TYPE_CHECKING:
    from ragedge.models.chat_template import ChatTemplate


class PromptEncoder:
    """Renders and tokenizes chats for one model."""

    def __init__(
        self,
        tokenizer: Any,
        template: ChatTemplate,
        *,
        bos_token_id: int | None,
        eos_token_id: int,
        add_bos: bool,
    ) -> None:
        self._tokenizer = tokenizer
        self._template = template
        self._one_at_a_time = threading.Lock()
        self._bos_id = bos_token_id
        self._add_bos = add_bos
        self._bos = "" if bos_token_id is None else str(tokenizer.id_to_token(bos_token_id) or "")
        self._eos = str(tokenizer.id_to_token(eos_token_id) or "")
        added = tokenizer.get_added_tokens_decoder().values()
        special = sorted((token.content for token in added if token.special), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)) or r"(?!)")

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a chat, ending where the answer begins.

        Raises:
            ValueError: there is no message.
        """
        if not messages:
            raise ValueError("a prompt needs at least one message")
        mark = f"\ue000{secrets.token_hex(8)}:"  # unguessable, so that no document can write one
        spelled: list[str] = []

        def hide(match: re.Match[str]) -> str:
            spelled.append(match.group())
            return f"{mark}{len(spelled) - 1}\ue001"

        hidden = [Message(one.role, self._special.sub(hide, one.content)) for one in messages]
        with self._one_at_a_time:
            rendered = self._template.render(hidden, bos_token=self._bos, eos_token=self._eos)
        ids: list[int] = []
        parts = re.split(f"{mark}([0-9]+)\ue001", rendered) if spelled else [rendered]
        for at, part in enumerate(parts):
            plain = at % 2 == 1  # re.split puts the marked ones at odd places
            ids += self._encode(spelled[int(part)] if plain else part, plain=plain)
        if self._add_bos and self._bos_id is not None and ids[:1] != [self._bos_id]:
            ids.insert(0, self._bos_id)
        return ids

    def encode_plain(self, text: str) -> list[int]:
        """Return the tokens of text that follows a prompt; nothing in it becomes a special token."""
        return self._encode(text, plain=True)

    def _encode(self, text: str, *, plain: bool) -> list[int]:
        if not text:
            return []
        with self._one_at_a_time:  # the switch below belongs to the tokenizer, which threads share
            self._tokenizer.encode_special_tokens = plain
            return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

"""What a decoder knows of a text, as bytes: to go on later, in another process, without reading it again.

Keys and values fit one model alone, to the bit: a file says which it was made by, and is refused under any other. It
may have been saved in the middle of an answer; the options and the state of the random numbers are then in it too, and
the answer goes on as if it had never stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ragedge.datatypes import GenerationOptions, Grammar
from ragedge.errors import DamagedError, SessionMismatchError
from ragedge.runtime.kv_state import KvState

_MAGIC = b"ragedge-context-1\n"
_HEADER_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """What made the keys and values.

    Attributes:
        model: Its name, for messages.
        fingerprint: sha256 over weights, graph, tokenizer and template: another quantization has another.
        adapter: sha256 of the adapter that was active; empty for none.
    """

    model: str
    fingerprint: str
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class SavedContext:
    """A text, and what is known of it.

    Attributes:
        identity: Who read it.
        state: Keys and values of its beginning: all of it, or all but what was still to be read.
        tokens: The whole of it: prompt, then answer.
        prompt_tokens: How many of them are the prompt.
        options: Of the generation that was under way; None where only the text was saved.
        random: The state of its random numbers.
        note: The caller's own, anything that JSON holds.
        ended: How the generation ended by itself; None where there is more to come.
    """

    identity: Identity
    state: KvState
    tokens: tuple[int, ...]
    prompt_tokens: int
    options: GenerationOptions | None = None
    random: dict[str, Any] | None = None
    note: Any = None
    ended: Literal["stop", "length"] | None = None

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        planes = np.ascontiguousarray(self.state.planes)
        raw = planes.tobytes()
        header = {
            "identity": asdict(self.identity),
            "tokens": list(self.tokens),
            "read": len(self.state.tokens),
            "prompt_tokens": self.prompt_tokens,
            "options": None if self.options is None else asdict(self.options),
            "random": self.random,
            "note": self.note,
            "ended": self.ended,
            "shape": list(planes.shape),
            "dtype": planes.dtype.name,
        }
        text = json.dumps(header, ensure_ascii=False).encode()
        digest = hashlib.sha256(text + raw).digest()
        return _MAGIC + digest + len(text).to_bytes(_HEADER_LENGTH_BYTES, "little") + text + raw

    @classmethod
    def from_bytes(
        cls, data: bytes, expected: Identity, adapters: Collection[str] = frozenset()
    ) -> SavedContext:
        """Read what ``to_bytes`` returned.

        Args:
            data: The file's content.
            expected: The model that is to go on with it.
            adapters: The digests of its adapters.

        Raises:
            SessionMismatchError: it was saved under another model, quantization, tokenizer or adapter.
            DamagedError: it is not what was written.
        """
        header, raw = _parts(data)
        identity = Identity(**header["identity"])
        if identity.fingerprint != expected.fingerprint or identity.adapter not in {"", *adapters}:
            raise SessionMismatchError(
                f"the saved context was made by {_named(identity)}; this is {_named(expected)} and its adapters",
                hint="load it under what made it, or clear it",
            )
        tokens = tuple(header["tokens"])
        planes = np.frombuffer(raw, header["dtype"]).reshape(header["shape"])
        options = header["options"]
        if options is not None:
            grammar = options["grammar"] and Grammar(**options["grammar"])
            options = GenerationOptions(**{**options, "stop": tuple(options["stop"]), "grammar": grammar})
        return cls(
            identity,
            KvState(tokens[: header["read"]], planes, identity.adapter),
            tokens,
            header["prompt_tokens"],
            options,
            header["random"],
            header["note"],
            header["ended"],
        )


def _parts(data: bytes) -> tuple[dict[str, Any], memoryview]:
    view = memoryview(data)
    start = len(_MAGIC) + hashlib.sha256().digest_size
    text_start = start + _HEADER_LENGTH_BYTES
    length = int.from_bytes(view[start:text_start], "little")
    if not data.startswith(_MAGIC) or hashlib.sha256(view[text_start:]).digest() != view[len(_MAGIC) : start]:
        raise DamagedError("the saved context is not what was written", hint="clear the session")
    return json.loads(bytes(view[text_start : text_start + length])), view[text_start + length :]


def _named(identity: Identity) -> str:
    adapter = f" with the adapter {identity.adapter[:8]}" if identity.adapter else ""
    return f"{identity.model} {identity.fingerprint[:8]}{adapter}"

"""The built-in generator: a compiled decoder on this device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ragedge import plugins
from ragedge.datatypes import GeneratorCapabilities
from ragedge.errors import ConfigError, ModelError, ModelIntegrityError, PromptTooLongError
from ragedge.generate.adapters import Adapters
from ragedge.generate.decode_loop import DecodeLoop
from ragedge.generate.grammar import GrammarTokenizer, is_installed
from ragedge.generate.prompt_encoder import PromptEncoder
from ragedge.generate.sampling import check_options
from ragedge.generate.saved_context import Identity, SavedContext
from ragedge.generate.turns import Turns
from ragedge.runtime.decoder import Decoder
from ragedge.runtime.prefix_slots import PrefixSlots
from ragedge.runtime.threads import thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions, Message
    from ragedge.models.manifest import Manifest
    from ragedge.protocols import Backend, Options
    from ragedge.runtime.kv_state import KvState
    from ragedge.runtime.static_decoder import StaticDecoder

DEFAULTS: Mapping[str, Any] = {
    "model": "smollm2-135m",
    "threads": 0,
    "backend": "cpu",
    "backend_options": {},
    "context_window": 1024,
    "slot_memory_mb": 64,
    "slot_precision": "float32",
    "adapters": False,
}
_PRECISIONS = ("float32", "float16")
PLAIN_TURN_END = ("\n\nuser:", "\n\nsystem:")  # as models.chat_template writes turns without a template


class OnnxGenerator:
    """A decoder, its tokenizer and its chat template. Construct it with ``open``.

    Safe for threads: one generation at a time, others queue.
    """

    def __init__(
        self,
        manifest: Manifest,
        decoder: Decoder | StaticDecoder,
        tokenizer: Any,
        encoder: PromptEncoder,
        turn_end: tuple[str, ...] = (),
        slots: PrefixSlots | None = None,
        adapters: Adapters | None = None,
    ) -> None:
        assert manifest.decoder is not None
        self.name = manifest.name
        self.fingerprint = manifest.fingerprint
        self.context_window = decoder.capacity
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._encoder = encoder
        self.capabilities = GeneratorCapabilities(
            logits=True,
            grammar=is_installed(),
            kv_state=True,
            adapters=adapters is not None,
            token_counts=True,
        )
        self._adapters = adapters or Adapters.unsupported()
        self._end_tokens = frozenset(manifest.decoder.eos_token_ids)
        self._grammars = GrammarTokenizer(tokenizer, manifest.decoder.vocab_size, self._end_tokens)
        self._turn_end = turn_end
        self._turns = Turns()
        self._slots = slots if slots is not None else PrefixSlots(0)

    @classmethod
    def open(
        cls,
        folder: Path,
        manifest: Manifest,
        backend: Backend,
        *,
        threads: int,
        context_window: int,
        slot_bytes: int = 0,
        slot_precision: str = "float32",
        adapters: bool = False,
    ) -> OnnxGenerator:
        """Load a model folder.

        Args:
            folder: Holds ``model.onnx``, ``tokenizer.json`` and ``chat_template.jinja``.
            manifest: The folder's own description.
            backend: Where the graph runs.
            threads: Threads inside one operator, at least 1.
            context_window: Tokens of KV cache; more than the model was built for is cut to that.
            slot_bytes: Most memory for what was read before, beside the KV cache.
            slot_precision: float32 or float16: what it is kept and saved in.
            adapters: Take adapters; the graph does a little more for each token then.

        Raises:
            ModelError: the folder is not a generator's, or a part of it is missing or damaged.
        """
        from tokenizers import Tokenizer

        from ragedge.models.chat_template import ChatTemplate

        facts = manifest.decoder
        if facts is None:
            raise ModelError(
                f"{manifest.name} is a model of kind {manifest.kind!r}, not a generator",
                hint="ragedge models list",
            )
        try:
            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            written = (folder / "chat_template.jinja").read_text(encoding="utf-8")
            template = ChatTemplate(written)
        except ModelError:
            raise
        except Exception as exc:  # tokenizers raises bare Exception
            raise ModelIntegrityError(
                f"cannot read the tokenizer or chat template of {manifest.name}: {type(exc).__name__}: {exc}",
                hint=f"ragedge models verify {manifest.name}",
            ) from exc
        decoder: Decoder | StaticDecoder
        taken: Adapters | None = None
        if backend.graph_profile == "dynamic":
            graph, taken = Adapters.prepare(folder, facts) if adapters else (None, None)
            capacity = min(context_window, facts.context_length)
            decoder = Decoder.open(folder, facts, backend, threads=threads, capacity=capacity, graph=graph)
        else:
            from ragedge.models.compiled import open_decoder
            from ragedge.models.store import ModelFolder

            decoder = open_decoder(ModelFolder(folder, manifest), backend, threads=threads)
        encoder = PromptEncoder(
            tokenizer,
            template,
            bos_token_id=facts.bos_token_id,
            eos_token_id=facts.eos_token_ids[0],
            add_bos=facts.add_bos,
        )
        # A base model has no token for the end of a turn: it goes on with the user's next line.
        turn_end = () if written.strip() else PLAIN_TURN_END
        slots = PrefixSlots(slot_bytes, slot_precision)
        return cls(manifest, decoder, tokenizer, encoder, turn_end, slots, taken)

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Count the tokens of a prompt, chat template included."""
        return len(self._encoder.encode(messages))

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> DecodeLoop:
        """Begin to answer; the prompt is read when the first piece is asked for.

        Raises:
            PromptTooLongError: the prompt and ``max_new_tokens`` do not fit the context window.
            ValueError: an option is outside its range, the grammar is not one, or there is no message.
            MissingExtraError: a grammar is given, and what reads it is not installed.
        """
        check_options(options)
        prompt = self._encoder.encode(messages)
        self._check_fits(len(prompt), options.max_new_tokens)
        return self._loop(prompt, replace(options, stop=(*options.stop, *self._turn_end)))

    def score(self, messages: Sequence[Message], text: str, /) -> NDArray[np.float64]:
        """Return how likely the model finds a given answer, without writing one.

        Args:
            messages: The prompt.
            text: The answer to weigh; nothing in it is read as a control token.

        Returns:
            (tokens,): the natural logarithm of each token's probability, each after those before it.
        """
        prompt = self._encoder.encode(messages)
        answer = self._encoder.encode_plain(text)
        if not answer:
            return np.zeros(0)
        self._check_fits(len(prompt), len(answer))
        try:
            self._turns.take(answer, lambda: True)
            self._adapters.activate("", self._decoder, self._slots)
            shared = self._slots.switch(self._decoder, prompt)
            first = self._decoder.extend(prompt[shared:])[0].copy()  # (vocab,)
            rest = self._decoder.extend(answer[:-1], "all") if len(answer) > 1 else first[None][:0]
        finally:
            self._turns.give_back(answer)
        rows = np.concatenate([first[None], rest]).astype(np.float64)  # (tokens, vocab)
        rows -= rows.max(axis=1, keepdims=True)
        return np.asarray(rows[np.arange(len(answer)), answer] - np.log(np.exp(rows).sum(axis=1)))

    def add_adapter(self, name: str, data: bytes, /) -> None:
        """Take an adapter, which ``GenerationOptions.adapter`` then names; one of that name is replaced.

        Args:
            name: Not empty.
            data: As ``models.lora.read_peft`` returns it.

        Raises:
            UnsupportedModelError: it was trained for a model of another shape, or this was opened without adapters.
        """
        self._adapters.add(name, data)

    @property
    def identity(self) -> Identity:
        """What keys and values read last fit."""
        return Identity(self.name, self.fingerprint, self._decoder.adapter)

    def save(self, generation: DecodeLoop | None = None, note: Any = None) -> bytes:
        """Return what is known of a text, to ``load`` or ``resume`` later, in this process or another.

        Args:
            generation: Of one that this generator began: ended, aborted, or paused between two pieces. None saves
                what was read last.
            note: Anything that JSON holds; ``load`` returns it.
        """
        me = object()
        self._turns.take(me, lambda: True)
        try:
            if generation is None:
                tokens, prompt = tuple(self._decoder.tokens), self._decoder.length
                return SavedContext(self.identity, self._state(), tokens, prompt, note=note).to_bytes()
            tokens, prompt = generation.tokens, generation.stats.prompt_tokens
            # Another may have read since; and what this one had not read, as the last token, is left to be read.
            self._adapters.activate(generation.options.adapter, self._decoder, self._slots)
            read = self._slots.switch(self._decoder, tokens)
            if read < prompt - 2:
                self._decoder.extend(tokens[read:], "none")
            how, drawn, ended = generation.options, generation.random, generation.stats.finish_reason
            return SavedContext(
                self.identity,
                self._state(),
                tokens,
                prompt,
                how,
                drawn,
                note,
                None if ended == "aborted" else ended,
            ).to_bytes()
        finally:
            self._turns.give_back(me)

    def load(self, data: bytes, /) -> Any:
        """Take in what ``save`` returned, so that a prompt which begins like it is not read again; return its note.

        Raises:
            SessionMismatchError: it was saved under another model, quantization, tokenizer or adapter.
            DamagedError: it is not what was written.
        """
        saved = self._read(data)
        me = object()
        self._turns.take(me, lambda: True)
        try:
            self._slots.keep(self._decoder)
            self._adapters.activate(
                self._adapters.name_of(saved.identity.adapter), self._decoder, self._slots
            )
            self._decoder.restore(saved.state, min(len(saved.state.tokens), self._decoder.capacity))
        finally:
            self._turns.give_back(me)
        return saved.note

    def resume(self, data: bytes, /) -> DecodeLoop:
        """Go on with an answer that was saved in the middle; only what follows is handed out.

        Raises:
            SessionMismatchError: it was saved under another model, quantization, tokenizer or adapter.
            PromptTooLongError: what is left of it does not fit this context window.
            ValueError: it was saved without a generation.
        """
        saved = self._read(data)
        if saved.options is None:
            raise ValueError("there is no answer to go on with: it was saved without its generation")
        self._check_fits(saved.prompt_tokens, saved.options.max_new_tokens)
        self.load(data)
        loop = self._loop(saved.tokens[: saved.prompt_tokens], saved.options)
        loop.go_on(saved.tokens[saved.prompt_tokens :], saved.random, saved.ended)
        return loop

    def _read(self, data: bytes) -> SavedContext:
        return SavedContext.from_bytes(data, Identity(self.name, self.fingerprint), self._adapters.digests())

    def _state(self) -> KvState:
        return self._decoder.state(self._slots.dtype)

    def _loop(self, prompt: Sequence[int], options: GenerationOptions) -> DecodeLoop:
        self._adapters.require(options.adapter)
        return DecodeLoop(
            prompt,
            options,
            decoder=self._decoder,
            slots=self._slots,
            tokenizer=self._tokenizer,
            turns=self._turns,
            end_tokens=self._end_tokens,
            adapt=lambda: self._adapters.activate(options.adapter, self._decoder, self._slots),
            constraint=None if options.grammar is None else self._grammars.constraint(options.grammar),
        )

    def forget(self) -> None:
        """Wait for the generation under way, then overwrite what texts left in memory, slots included."""
        self._turns.take(self, lambda: True)
        try:
            self._slots.clear()
            self._decoder.close()
        finally:
            self._turns.give_back(self)

    def close(self) -> None:
        """Forget every text."""
        self.forget()

    def _check_fits(self, prompt: int, new: int) -> None:
        if prompt + new > self.context_window:
            raise PromptTooLongError(
                f"a prompt of {prompt} tokens and {new} new ones do not fit the context window "
                f"of {self.context_window}",
                hint="lower prompt_tokens or max_new_tokens, or raise context_window, in [generate]",
            )


def create(options: Options) -> OnnxGenerator:
    """Load the generator that the options name.

    Args:
        options: ``model`` (an installed model), ``threads`` (0: automatic), ``backend`` (a plugin's name),
            ``backend_options`` (what it is told), ``context_window`` (tokens), ``slot_memory_mb`` (for what was read
            before), ``slot_precision`` (float32 or float16); each has a default.

    Raises:
        ConfigError: an option is unknown or of the wrong type.
        ModelNotFoundError: the model is not installed.
        ModelError: it could not be loaded.
    """
    unknown = sorted(set(options) - set(DEFAULTS))
    if unknown:
        raise ConfigError(
            f"generator onnx: unknown option {unknown[0]!r}; known: {', '.join(DEFAULTS)}", hint="remove it"
        )
    chosen = {**DEFAULTS, **options}
    for key, default in DEFAULTS.items():
        if type(chosen[key]) is not type(default):
            raise ConfigError(
                f"generator onnx: {key} must be {type(default).__name__}, got {type(chosen[key]).__name__}",
                hint="see docs/configuration.md",
            )
    if chosen["context_window"] < 1 or chosen["threads"] < 0 or chosen["slot_memory_mb"] < 0:
        raise ConfigError(
            "generator onnx: context_window must be at least 1, threads and slot_memory_mb at least 0, got "
            f"{chosen['context_window']}, {chosen['threads']} and {chosen['slot_memory_mb']}",
            hint="see docs/configuration.md",
        )
    if chosen["slot_precision"] not in _PRECISIONS:
        raise ConfigError(
            f"generator onnx: slot_precision must be one of {', '.join(_PRECISIONS)}, got {chosen['slot_precision']!r}",
            hint="see docs/configuration.md",
        )
    from ragedge.models import store

    found = store.find(chosen["model"])
    backend = plugins.create("backend", chosen["backend"], chosen["backend_options"])
    with found.checked():  # the digests are compared beside the loading
        return OnnxGenerator.open(
            found.path,
            found.manifest,
            backend,
            threads=thread_count(chosen["threads"]),
            context_window=chosen["context_window"],
            slot_bytes=chosen["slot_memory_mb"] << 20,
            slot_precision=chosen["slot_precision"],
            adapters=chosen["adapters"],
        )

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
from ragedge.generate.decode_loop import DecodeLoop
from ragedge.generate.prompt_encoder import PromptEncoder
from ragedge.generate.sampling import check_options
from ragedge.generate.turns import Turns
from ragedge.runtime.decoder import Decoder
from ragedge.runtime.threads import thread_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ragedge.datatypes import GenerationOptions, Message
    from ragedge.models.manifest import Manifest
    from ragedge.protocols import Backend, Options

DEFAULTS: Mapping[str, Any] = {
    "model": "smollm2-135m",
    "threads": 0,
    "backend": "cpu",
    "context_window": 1024,
}
PLAIN_TURN_END = ("\n\nuser:", "\n\nsystem:")  # as models.chat_template writes turns without a template


class OnnxGenerator:
    """A decoder, its tokenizer and its chat template. Construct it with ``open``.

    Safe for threads: one generation at a time, others queue.
    """

    capabilities = GeneratorCapabilities(logits=True, kv_state=True, token_counts=True)

    def __init__(
        self,
        manifest: Manifest,
        decoder: Decoder,
        tokenizer: Any,
        encoder: PromptEncoder,
        turn_end: tuple[str, ...] = (),
    ) -> None:
        assert manifest.decoder is not None
        self.name = manifest.name
        self.fingerprint = manifest.fingerprint
        self.context_window = decoder.capacity
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._end_tokens = frozenset(manifest.decoder.eos_token_ids)
        self._turn_end = turn_end
        self._turns = Turns()

    @classmethod
    def open(
        cls, folder: Path, manifest: Manifest, backend: Backend, *, threads: int, context_window: int
    ) -> OnnxGenerator:
        """Load a model folder.

        Args:
            folder: Holds ``model.onnx``, ``tokenizer.json`` and ``chat_template.jinja``.
            manifest: The folder's own description.
            backend: Where the graph runs.
            threads: Threads inside one operator, at least 1.
            context_window: Tokens of KV cache; more than the model was built for is cut to that.

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
        decoder = Decoder.open(
            folder, facts, backend, threads=threads, capacity=min(context_window, facts.context_length)
        )
        encoder = PromptEncoder(
            tokenizer,
            template,
            bos_token_id=facts.bos_token_id,
            eos_token_id=facts.eos_token_ids[0],
            add_bos=facts.add_bos,
        )
        # A base model has no token for the end of a turn: it goes on with the user's next line.
        return cls(manifest, decoder, tokenizer, encoder, () if written.strip() else PLAIN_TURN_END)

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Count the tokens of a prompt, chat template included."""
        return len(self._encoder.encode(messages))

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> DecodeLoop:
        """Begin to answer; the prompt is read when the first piece is asked for.

        Raises:
            PromptTooLongError: the prompt and ``max_new_tokens`` do not fit the context window.
            ValueError: an option is outside its range, or there is no message.
        """
        check_options(options)
        prompt = self._encoder.encode(messages)
        self._check_fits(len(prompt), options.max_new_tokens)
        return DecodeLoop(
            prompt,
            replace(options, stop=(*options.stop, *self._turn_end)),
            decoder=self._decoder,
            tokenizer=self._tokenizer,
            turns=self._turns,
            end_tokens=self._end_tokens,
        )

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
            shared = self._decoder.reuse(prompt)
            first = self._decoder.extend(prompt[shared:])[0].copy()  # (vocab,)
            rest = self._decoder.extend(answer[:-1], "all") if len(answer) > 1 else first[None][:0]
        finally:
            self._turns.give_back(answer)
        rows = np.concatenate([first[None], rest]).astype(np.float64)  # (tokens, vocab)
        rows -= rows.max(axis=1, keepdims=True)
        return np.asarray(rows[np.arange(len(answer)), answer] - np.log(np.exp(rows).sum(axis=1)))

    def close(self) -> None:
        """Wait for the generation under way, then overwrite what texts left in memory."""
        self._turns.take(self, lambda: True)
        try:
            self._decoder.close()
        finally:
            self._turns.give_back(self)

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
            ``context_window`` (tokens); each has a default.

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
    if chosen["context_window"] < 1 or chosen["threads"] < 0:
        raise ConfigError(
            "generator onnx: context_window must be at least 1 and threads at least 0, got "
            f"{chosen['context_window']} and {chosen['threads']}",
            hint="see docs/configuration.md",
        )
    from ragedge.models import store

    found = store.find(chosen["model"])
    backend = plugins.create("backend", chosen["backend"])
    with found.checked():  # the digests are compared beside the loading
        return OnnxGenerator.open(
            found.path,
            found.manifest,
            backend,
            threads=thread_count(chosen["threads"]),
            context_window=chosen["context_window"],
        )

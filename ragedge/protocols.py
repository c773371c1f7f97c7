"""One Protocol per plugin kind: what a plugin must do, and nothing else.

A plugin is a factory, registered as an entry point in the group ``ragedge.<kind>``, that takes a mapping
of options and returns an object with these members. It validates its own options. Constructing it loads
everything; it either succeeds or raises. ``ragedge.testing.contracts`` holds the suite each kind must pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ragedge.datatypes import (
        Chunk,
        Document,
        GenerationOptions,
        GenerationStats,
        GeneratorCapabilities,
        Message,
        OcrLine,
        PersonalData,
        Probe,
    )

    Float32: TypeAlias = NDArray[np.float32]
    Int8: TypeAlias = NDArray[np.int8]
    Int16: TypeAlias = NDArray[np.int16]
    Int64: TypeAlias = NDArray[np.int64]

Options: TypeAlias = Mapping[str, Any]


class Loader(Protocol):
    """Reads one kind of file (``ragedge.loader``). Pure: bytes in, Document out; runs in a worker process."""

    @property
    def media_types(self) -> Sequence[str]:
        """Media types it reads, as ``ingest.detect`` names them."""

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: it cannot be read; ``code`` says why (damaged, encrypted, no_text ...).
        """


class Recognizer(Protocol):
    """What a loader has besides for a media type that ragedge does not tell apart by itself.

    It is asked before the built-in rules, about every file of an ingest, so it should look at few bytes.
    """

    def recognize(self, data: bytes, source: str, /) -> str | None:
        """Return the media type if a file's content is of a kind that it reads, else None.

        Args:
            data: The whole file, not empty.
            source: Its name, to decide between kinds of text alone.
        """


class Preprocessor(Protocol):
    """Rewrites the text of a page (``ragedge.preprocessor``)."""

    def process(self, text: str, /) -> tuple[str, Sequence[int]]:
        """Rewrite text.

        Returns:
            text: The new text.
            offsets: For each code point of the new text, and one past its end, where it stood in the old;
                length ``len(text) + 1``, never decreasing.
        """


class TokenCounter(Protocol):
    """Counts as the embedder does; handed to chunkers."""

    def token_spans(self, text: str, /) -> Sequence[tuple[int, int]]:
        """Return each token's half-open code-point span in text, special tokens left out."""


class Chunker(Protocol):
    """Cuts a document into chunks (``ragedge.chunker``). Runs in a worker process."""

    def chunk(self, document: Document, counter: TokenCounter, /) -> Sequence[Chunk]:
        """Cut a document.

        Every non-space character of every page is in some chunk, and no chunk's ``index_text`` is longer
        than the ``max_tokens`` option. A chunker whose ``needs_embedder`` is true gets an ``Embedder``, which
        is a counter too. Chunks that follow each other with one number under ``PART_OF`` in their metadata
        are found by themselves and read together.
        """


class Ocr(Protocol):
    """Reads text in pictures of pages (``ragedge.ocr``). Runs in a worker process of its own."""

    def read(self, data: bytes, page: int, figures: bool, /) -> Sequence[OcrLine]:
        """Read one page of a PDF.

        Args:
            data: The file.
            page: Its place, from 0.
            figures: Read only what stands in pictures and not in the page's own text; a page without such
                pictures costs next to nothing then.

        Returns:
            Lines in no set order; a page without words has none.

        Raises:
            SourceError: the page cannot be drawn.
        """


@runtime_checkable
class Embedder(TokenCounter, Protocol):
    """Turns text into vectors (``ragedge.embedder``)."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def dim(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Longest text it reads whole, in its own tokens, special tokens left out."""

    @property
    def fingerprint(self) -> str:
        """sha256 over weights, tokenizer, pooling and prefixes; two embedders agree when theirs do."""

    def embed_passages(self, texts: Sequence[str], /) -> Float32:
        """Embed passages; (len(texts), dim), float32, rows of L2 norm 1; no texts give shape (0, dim)."""

    def embed_query(self, text: str, /) -> Float32:
        """Embed a question; (dim,), float32, L2 norm 1."""


class VectorIndex(Protocol):
    """Finds the nearest rows (``ragedge.index``). A cache: it can always be rebuilt from the rows."""

    def __len__(self) -> int: ...

    def add(self, ids: Int64, rows: Float32, /) -> None:
        """Add rows, (n, dim) float32, under ids (n,).

        Raises:
            ValueError: shapes differ from what the index holds, or a row is not finite.
        """

    def remove(self, ids: Int64, /) -> None:
        """Remove rows by id; an unknown id is no error."""

    def search(self, query: Float32, top_k: int, allowed: Int64 | None = None, /) -> tuple[Int64, Float32]:
        """Find the rows with the greatest dot product.

        Args:
            query: (dim,), float32, finite.
            top_k: At least 1; fewer rows come back where fewer are there.
            allowed: Ids that may come back; None allows all.

        Returns:
            ids: (k,), best first.
            scores: (k,), dot products, not increasing.
        """

    def dump(self) -> bytes:
        """Return the index as bytes that its factory's ``data`` option loads again; empty if it keeps none."""


class Reranker(Protocol):
    """Scores passages against a question anew (``ragedge.reranker``)."""

    def score(self, question: str, passages: Sequence[str], /) -> Float32:
        """Score passages; (len(passages),), higher is better."""


class Described(Protocol):
    """What of a tool the model is told."""

    @property
    def name(self) -> str:
        """Its name, in letters, digits and underscores."""

    @property
    def description(self) -> str:
        """What it returns, in one sentence; it is offered for questions that share a word with it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of its arguments, an object; the model can write nothing else."""


class Tool(Described, Protocol):
    """A function that the model may call (``ragedge.tool``); off unless the settings name it."""

    def call(self, arguments: Mapping[str, Any], /) -> str:
        """Return what it found, in a short line; it is handed out as it comes."""


class Generation(Protocol):
    """A generation under way: pieces of text, in order. Closing it aborts at the next token."""

    @property
    def stats(self) -> GenerationStats:
        """Counts and times so far."""

    def __iter__(self) -> Iterator[str]: ...

    def close(self) -> None:
        """Abort; the generator is ready for the next call."""


class Generator(Protocol):
    """Writes text (``ragedge.generator``). One generation at a time; callers queue."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def fingerprint(self) -> str:
        """sha256 over weights and tokenizer; empty where it cannot be known."""

    @property
    def context_window(self) -> int:
        """Prompt and answer together, in tokens."""

    @property
    def capabilities(self) -> GeneratorCapabilities:
        """What it can do beyond text in, text out."""

    def count_tokens(self, messages: Sequence[Message], /) -> int:
        """Count the tokens of a prompt, chat template included; an estimate without ``token_counts``."""

    def generate(self, messages: Sequence[Message], options: GenerationOptions, /) -> Generation:
        """Begin to answer.

        Raises:
            PromptTooLongError: the prompt and ``max_new_tokens`` do not fit the context window.
        """


class Backend(Protocol):
    """Describes where a graph runs (``ragedge.backend``); the runtime opens the session."""

    @property
    def name(self) -> str:
        """Its name in the configuration."""

    @property
    def graph_profile(self) -> str:
        """``dynamic`` (the CPU graph) or ``static`` (fixed shapes, standard operators)."""

    @property
    def quantization(self) -> str:
        """What a static graph is rounded to: ``float``, ``a16w8`` or ``a8w8`` (activations, weights)."""

    @property
    def provider(self) -> str:
        """The execution provider's name, such as ``CPUExecutionProvider``; a ``GraphRuntime`` names itself."""

    @property
    def provider_library(self) -> Path | None:
        """A plugin provider's shared library to register first; None where the runtime has it built in."""

    def provider_options(self) -> Mapping[str, str]:
        """Return options for the provider."""

    def device_metadata(self) -> Mapping[str, str]:
        """Return what the provider must say of a device for it to be used; nothing takes all it has."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of what compiles and runs a graph; another one compiles anew."""

    def probe(self) -> Probe:
        """Say whether it can run here, with the reason."""


@runtime_checkable
class TargetCompiler(Protocol):
    """What a backend has besides that compiles for chips which are not here."""

    def targets(self) -> Sequence[str]:
        """Return the chips it is known to compile for; the first is the one it runs as by default."""

    def target_options(self, target: str, /) -> Mapping[str, str]:
        """Return the provider's options for a chip.

        Raises:
            ConfigError: it is not how a chip is named.
        """


class OpenGraph(Protocol):
    """A graph that a vendor's own runtime has loaded. Closed when it is forgotten."""

    @property
    def input_names(self) -> Sequence[str]:
        """In the graph's order."""

    @property
    def output_names(self) -> Sequence[str]:
        """In the graph's order."""

    def run(self, feeds: Mapping[str, NDArray[Any]], /) -> Mapping[str, NDArray[Any]]:
        """Run once; the arrays that come back are the caller's own."""

    def placement(self) -> Sequence[tuple[str, str, str]]:
        """Return name, operator and device of every node, as the runtime tells it."""


@runtime_checkable
class GraphRuntime(Protocol):
    """What a backend has besides whose graphs are not run by an execution provider of onnxruntime."""

    def open_graph(self, path: Path, threads: int, /) -> OpenGraph:
        """Load a graph onto the device; whatever its runtime raises, the caller turns into a ``ModelError``."""


class Redactor(Protocol):
    """Finds personal data (``ragedge.redactor``). Runs in the parser's worker process, and over what is exported."""

    def find(self, text: str, /) -> Sequence[PersonalData]:
        """Return what is found in a text, in order and apart from each other."""


class KeyStore(Protocol):
    """Guards the key of a knowledge base (``ragedge.key_store``): a TPM, a secure element, the system's keyring."""

    def wrap(self, key: bytes, /) -> bytes:
        """Encrypt a key of 32 bytes, so that only this device or user can undo it.

        Raises:
            LockedError: the store is not there or refuses.
        """

    def unwrap(self, wrapped: bytes, /) -> bytes:
        """Return the key that ``wrap`` was given.

        Raises:
            LockedError: the store is not there or refuses, or it was wrapped elsewhere.
        """


class WakeWord(Protocol):
    """Listens for the words that call the assistant (``ragedge.wake_word``). Sound is 16 kHz, one channel."""

    def hear(self, samples: Int16, /) -> bool:
        """Take the next samples, (n,), any number of them; return whether the words have just ended in them."""

    def reset(self) -> None:
        """Forget what was heard."""


class VoiceActivity(Protocol):
    """Tells speech from other sound (``ragedge.voice_activity``). Sound is 16 kHz, one channel."""

    @property
    def window_samples(self) -> int:
        """How many samples one probability is about."""

    def hear(self, samples: Int16, /) -> Float32:
        """Take the next samples, (n,), any number of them.

        Returns:
            For each window that has become whole, the probability that somebody speaks in it, (windows,).
        """

    def reset(self) -> None:
        """Forget what was heard."""


class SpeechRecognizer(Protocol):
    """Writes down what is said (``ragedge.speech_recognizer``). May be called from several threads, one at a time."""

    def recognize(self, samples: Int16, likely: str = "", /) -> str:
        """Return the words of an utterance; empty where there are none.

        Args:
            samples: (n,), 16 kHz, one channel.
            likely: Words that are likely to be said, most likely first; it may leave them out of account.
        """


class SpeechOutput(Protocol):
    """Speaks (``ragedge.speech_output``)."""

    @property
    def sample_rate(self) -> int:
        """Samples a second of what it speaks, one channel."""

    def speak(self, text: str, /) -> Iterator[Int16]:
        """Speak a sentence, whose numbers and units are written as words; hand out the sound as it comes.

        Closing the iterator stops it.
        """

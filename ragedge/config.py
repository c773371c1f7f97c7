"""Settings, one class per stage: names, defaults, bounds and what each is for.

``effective_config`` merges files, flags and tuned values over them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal, get_args, get_type_hints

from ragedge.setting import Setting
from ragedge.voice_config import VoiceConfig

# In place of a loader's name: files of that type are not read.
NO_LOADER = "none"
NO_RERANKER = "none"
BUILT_IN_RERANKER = "late_interaction"

BUILT_IN_LOADERS = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/epub+zip": "epub",
    "text/markdown": "markdown",
    "text/html": "html",
    "text/csv": "csv",
    "text/plain": "text",
}


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """Where graphs run."""

    backend: Annotated[str, Setting(description="Backend plugin that runs the models.")] = "cpu"
    backend_options: Annotated[
        dict[str, str],
        Setting(description="What the backend is told: its own options, and those of its provider."),
    ] = field(default_factory=dict)
    threads: Annotated[
        int,
        Setting(
            ge=0, le=256, description="Threads per model; 0 takes the cores this process may use, at most 4."
        ),
    ] = 0


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """How files become chunks."""

    loaders: Annotated[
        dict[str, str],
        Setting(
            description="Loader plugin for each media type. What you write is laid over these; "
            "none switches a type off, whose files are then skipped as unsupported."
        ),
    ] = field(default_factory=BUILT_IN_LOADERS.copy)
    preprocessors: Annotated[
        tuple[str, ...], Setting(description="Preprocessor plugins, applied to each page in order.")
    ] = ()
    chunker: Annotated[str, Setting(description="Chunker plugin.")] = "section"
    chunk_tokens: Annotated[
        int,
        Setting(
            ge=16,
            le=2048,
            description="Longest chunk, headings included, in the embedder's tokens; never past its limit.",
        ),
    ] = 192
    overlap_tokens: Annotated[
        int, Setting(ge=0, le=512, description="Tokens that neighbouring windows of one long block share.")
    ] = 0
    filename_metadata: Annotated[
        tuple[str, ...],
        Setting(
            description="Regular expressions searched in a source's path; named groups are its metadata."
        ),
    ] = ()
    heading_metadata: Annotated[
        tuple[str, ...],
        Setting(description="The same searched in headings; named groups are the metadata of the section."),
    ] = ()
    ocr: Annotated[
        str, Setting(description="OCR plugin for pages that are pictures; none leaves them unread.")
    ] = "none"
    ocr_figures: Annotated[
        bool, Setting(description="Let the OCR plugin also read the words in figures of pages with text.")
    ] = False
    ocr_page_s: Annotated[float, Setting(gt=0, description="Longest time of OCR on one page.")] = 120.0
    ocr_memory_mb: Annotated[int, Setting(ge=256, description="Most resident memory for OCR.")] = 2048
    max_file_mb: Annotated[int, Setting(ge=1, description="Larger files are skipped.")] = 512
    timeout_s: Annotated[float, Setting(gt=0, description="Longest time to parse one file.")] = 120.0
    memory_mb: Annotated[int, Setting(ge=128, description="Most resident memory for parsing one file.")] = (
        1024
    )
    workers: Annotated[
        int,
        Setting(
            ge=1, le=64, description="Files parsed at a time, each in a process; vectors are made by one."
        ),
    ] = 1

    def __post_init__(self) -> None:
        """Lay what was given over the built-in loaders."""
        object.__setattr__(self, "loaders", {**BUILT_IN_LOADERS, **self.loaders})

    def active_loaders(self) -> dict[str, str]:
        """Return the loaders without the types that are switched off."""
        return {media_type: name for media_type, name in self.loaders.items() if name != NO_LOADER}


@dataclass(frozen=True, slots=True)
class EmbedConfig:
    """How text becomes vectors. A change needs a new ingest."""

    embedder: Annotated[str, Setting(description="Embedder plugin.")] = "onnx"
    model: Annotated[
        str, Setting(description="Model the embedder loads; the default is that of the embedder onnx alone.")
    ] = "minilm-l6"

    def plugin_options(self) -> dict[str, str]:
        """Return what the embedder is told: another plugin than the built-in only a model that was set."""
        built_in = EmbedConfig()
        unset = self.embedder != built_in.embedder and self.model == built_in.model
        return {} if unset else {"model": self.model}


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """How vectors are searched."""

    kind: Annotated[
        str, Setting(description="Index plugin: auto (hnsw, else usearch, else exact), or a plugin's name.")
    ] = "auto"
    m: Annotated[int, Setting(ge=2, le=128, description="HNSW links per node.")] = 16
    ef_construction: Annotated[int, Setting(ge=8, le=2000, description="HNSW candidates while building.")] = (
        200
    )
    ef_search: Annotated[int, Setting(ge=8, le=4000, description="HNSW candidates while searching.")] = 128
    exact_below: Annotated[
        int, Setting(ge=0, description="With fewer chunks than this, search is exact and no graph is kept.")
    ] = 5000


@dataclass(frozen=True, slots=True)
class RetrieveConfig:
    """How a question finds chunks."""

    top_k: Annotated[int, Setting(ge=1, le=100, description="Chunks returned.")] = 5
    candidates: Annotated[
        int, Setting(ge=1, le=1000, description="Chunks that each half of the search offers to the fusion.")
    ] = 50
    fusion: Annotated[
        Literal["score", "rank"],
        Setting(description="How the halves become one ranking: by their scores, or by reciprocal rank."),
    ] = "score"
    rrf_k: Annotated[
        float, Setting(ge=1, le=1000, description="With fusion by rank: larger flattens the ranks.")
    ] = 10.0
    dense_weight: Annotated[
        float, Setting(ge=0, description="Weight of the vectors in the fusion; 0 leaves them out.")
    ] = 1.0
    text_weight: Annotated[
        float, Setting(ge=0, description="Weight of the full text in the fusion; 0 leaves it out.")
    ] = 1.0
    heading_weight: Annotated[
        float, Setting(ge=0, description="Weight of heading words in the full text, against body words at 1.")
    ] = 1.0
    words_weight: Annotated[
        float,
        Setting(
            ge=0,
            description="What the words that a candidate holds, and how close together, add to its score.",
        ),
    ] = 1.0
    reranker: Annotated[
        str,
        Setting(
            description="Reranker plugin that reads the best candidates with the question; none is the quickest."
        ),
    ] = NO_RERANKER
    rerank_depth: Annotated[int, Setting(ge=2, le=100, description="Candidates that the reranker reads.")] = (
        12
    )
    rerank_weight: Annotated[
        float,
        Setting(
            ge=0, description="What a standard deviation of the reranker's scores adds to a candidate's."
        ),
    ] = 0.15
    abbreviations: Annotated[
        bool,
        Setting(
            description="Read a question's short names as the long ones that the documents give them, and back."
        ),
    ] = True
    synonyms: Annotated[
        tuple[str, ...],
        Setting(
            description="Names of one thing, separated by commas: a question with one is read as if it had all."
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class GenerateConfig:
    """How chunks become an answer."""

    generator: Annotated[str, Setting(description="Generator plugin; none answers by quoting alone.")] = (
        "onnx"
    )
    model: Annotated[str, Setting(description="Model the generator loads.")] = "smollm2-135m"
    options: Annotated[
        dict[str, str | int | float | bool],
        Setting(
            description="What a generator plugin is told beside its model; the plugin's page lists its keys."
        ),
    ] = field(default_factory=dict)
    adapter: Annotated[
        str, Setting(description="The knowledge base's adapter that writes; empty for none.")
    ] = ""
    tools: Annotated[
        tuple[str, ...], Setting(description="Tool plugins that the model may call; none unless named here.")
    ] = ()
    tool_calls: Annotated[int, Setting(ge=1, le=8, description="Most calls for one answer.")] = 2
    context_window: Annotated[
        int, Setting(ge=128, le=131072, description="Tokens of KV cache: prompt and answer together.")
    ] = 1024
    prompt_tokens: Annotated[int, Setting(ge=64, description="Longest prompt, all in.")] = 400
    prompt_fill: Annotated[
        Literal["evidence", "passages"],
        Setting(
            description="What a prompt holds: the sentences that bear on the question, or whole passages, which the "
            "next question over them need not read again."
        ),
    ] = "evidence"
    slot_memory_mb: Annotated[
        int,
        Setting(
            ge=0, le=65536, description="Most memory for what the model read before, beside the KV cache."
        ),
    ] = 64
    slot_precision: Annotated[
        Literal["float32", "float16"],
        Setting(
            description="What it is kept in, and saved sessions too: float32 repeats an answer to the letter, "
            "float16 takes half the bytes."
        ),
    ] = "float32"
    max_new_tokens: Annotated[int, Setting(ge=1, le=4096, description="Longest answer.")] = 96
    temperature: Annotated[float, Setting(ge=0, le=5, description="0 is greedy.")] = 0.0
    top_k: Annotated[
        int, Setting(ge=0, description="Sample from this many likeliest tokens; 0 takes all.")
    ] = 0
    top_p: Annotated[
        float,
        Setting(gt=0, le=1, description="Sample from the smallest set of tokens with this probability."),
    ] = 1.0
    min_p: Annotated[
        float,
        Setting(
            ge=0, le=1, description="Sample from tokens with this share of the likeliest one's probability."
        ),
    ] = 0.0
    repetition_penalty: Annotated[
        float, Setting(gt=0, le=10, description="Makes tokens of prompt and answer less likely; 1 is none.")
    ] = 1.0
    presence_penalty: Annotated[
        float, Setting(ge=-10, le=10, description="Taken off the logit of each token that the answer holds.")
    ] = 0.0
    frequency_penalty: Annotated[
        float, Setting(ge=-10, le=10, description="Taken off as often as the answer holds it.")
    ] = 0.0
    seed: Annotated[int | None, Setting(description="Makes sampling repeatable.")] = None
    abstain_below: Annotated[
        float,
        Setting(ge=0, le=1, description="Confidence under which the answer is that the manual does not say."),
    ] = 0.5
    calibrate: Annotated[
        bool,
        Setting(
            description="After an ingest, fit `abstain_below` to the documents, with questions made from them."
        ),
    ] = True

    def plugin_options(self) -> dict[str, Any]:
        """Return what the generator is told: another plugin than the built-in only what was set for it."""
        built_in = GenerateConfig()
        if self.generator == built_in.generator:
            keys = ("model", "context_window", "slot_memory_mb", "slot_precision")
            return {key: getattr(self, key) for key in keys} | self.options
        set_here: dict[str, Any] = {"model": self.model} if self.model != built_in.model else {}
        if self.context_window != built_in.context_window:
            set_here["context_window"] = self.context_window
        return set_here | self.options


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What may leave the device."""

    egress: Annotated[
        Literal["off", "calls", "process"],
        Setting(
            description="Refuse connections inside ragedge's own calls, in the whole process, or not at all."
        ),
    ] = "calls"
    redactors: Annotated[
        tuple[str, ...],
        Setting(
            description="Redactor plugins that take personal data out of documents before they are stored, and out "
            "of what is exported; none by default."
        ),
    ] = ()
    redact_kinds: Annotated[
        tuple[str, ...],
        Setting(
            description="Kinds that redactors look for, such as email, iban, card; none means all they know."
        ),
    ] = ()
    redact_reversibly: Annotated[
        bool,
        Setting(
            description="Leave tokens that `ragedge redaction reveal` undoes; takes an encrypted knowledge base."
        ),
    ] = False
    audit: Annotated[
        bool,
        Setting(
            description="Record what is done, when and under which settings, without content: `ragedge audit`."
        ),
    ] = False


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """What `ragedge serve` takes on at a time."""

    queue: Annotated[
        int,
        Setting(ge=0, le=1000, description="Answers that wait for the one being written; more are refused."),
    ] = 8
    wait_s: Annotated[float, Setting(gt=0, description="Longest time that an answer waits for its turn.")] = (
        60.0
    )
    answer_s: Annotated[
        float, Setting(gt=0, description="Longest time that one answer is written; it is cut off then.")
    ] = 120.0
    searches: Annotated[
        int, Setting(ge=1, le=64, description="Searches and embeddings at a time, beside the answers.")
    ] = 4
    search_queue: Annotated[
        int, Setting(ge=0, le=10000, description="Searches and embeddings that wait; more are refused.")
    ] = 64
    max_body_kb: Annotated[int, Setting(ge=1, description="Larger requests are refused.")] = 1024
    max_upload_mb: Annotated[int, Setting(ge=1, le=2048, description="Larger documents are refused.")] = 64
    shutdown_s: Annotated[
        float, Setting(ge=0, description="Longest time to finish what is under way when told to stop.")
    ] = 30.0


@dataclass(frozen=True, slots=True)
class Config:
    """All settings."""

    runtime: RuntimeConfig = RuntimeConfig()
    ingest: IngestConfig = IngestConfig()
    embed: EmbedConfig = EmbedConfig()
    index: IndexConfig = IndexConfig()
    retrieve: RetrieveConfig = RetrieveConfig()
    generate: GenerateConfig = GenerateConfig()
    privacy: PrivacyConfig = PrivacyConfig()
    serve: ServeConfig = ServeConfig()
    voice: VoiceConfig = field(default_factory=VoiceConfig)

    def digest(self) -> str:
        """Return a sha256 over every setting."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def setting_keys() -> list[str]:
    """Return every dotted key, in file order."""
    return list(flatten(asdict(Config())))


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{stage: {key: value}}`` into ``{"stage.key": value}``; one level, so mapping values stay whole."""
    return {f"{stage}.{key}": value for stage, section in tree.items() for key, value in section.items()}


def schema_of(stage: str) -> dict[str, Any]:
    """Return the JSON schema of a section's keys, descriptions and bounds included."""
    from pydantic import TypeAdapter

    section = type(getattr(Config(), stage))
    properties: dict[str, Any] = TypeAdapter(section).json_schema()["properties"]
    for name, hint in get_type_hints(section, include_extras=True).items():
        for setting in get_args(hint):
            if isinstance(setting, Setting):
                properties[name]["description"] = setting.description
    return properties

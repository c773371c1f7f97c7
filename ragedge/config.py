"""Settings, one model per stage, read from TOML; unknown keys are errors.

Precedence: a flag, then the file (``--config``, else ``<kb>/ragedge.toml``), then values tuned on the
device, then the defaults below. ``load`` merges them and remembers where each value came from.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_type_hints

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Le

from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

# In place of a loader's name: files of that type are not read.
NO_LOADER = "none"

BUILT_IN_LOADERS = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/epub+zip": "epub",
    "text/markdown": "markdown",
    "text/html": "html",
    "text/csv": "csv",
    "text/plain": "text",
}

ABSTAIN_BELOW = "generate.abstain_below"
Origin = Literal["flag", "file", "tuned", "default"]


@dataclass(frozen=True, slots=True)
class Setting(GroupedMetadata):
    """What a setting is for, and its bounds, as pydantic reads them off an annotation."""

    description: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None

    def __iter__(self) -> Iterator[BaseMetadata]:
        if self.ge is not None:
            yield Ge(self.ge)
        if self.gt is not None:
            yield Gt(self.gt)
        if self.le is not None:
            yield Le(self.le)


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """Where graphs run."""

    backend: Annotated[str, Setting(description="Backend plugin that runs the models.")] = "cpu"
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
    context_window: Annotated[
        int, Setting(ge=128, le=131072, description="Tokens of KV cache: prompt and answer together.")
    ] = 1024
    prompt_tokens: Annotated[int, Setting(ge=64, description="Longest prompt, all in.")] = 400
    max_new_tokens: Annotated[int, Setting(ge=1, le=4096, description="Longest answer.")] = 96
    temperature: Annotated[float, Setting(ge=0, le=5, description="0 is greedy.")] = 0.0
    top_k: Annotated[
        int, Setting(ge=0, description="Sample from this many likeliest tokens; 0 takes all.")
    ] = 0
    top_p: Annotated[
        float,
        Setting(gt=0, le=1, description="Sample from the smallest set of tokens with this probability."),
    ] = 1.0
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


@dataclass(frozen=True, slots=True)
class PrivacyConfig:
    """What may leave the device."""

    egress: Annotated[
        Literal["off", "calls", "process"],
        Setting(
            description="Refuse connections inside ragedge's own calls, in the whole process, or not at all."
        ),
    ] = "calls"


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


class EffectiveConfig:
    """A merged configuration and the origin of each value.

    Attributes:
        config: The merged settings.
        origins: For each dotted key, where its value came from.
    """

    def __init__(self, config: Config, origins: Mapping[str, Origin]) -> None:
        self.config = config
        self.origins = dict(origins)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return ``{key: {value, origin}}`` as ``status --json`` prints it."""
        return {
            key: {"value": value, "origin": self.origins.get(key, "default")}
            for key, value in flatten(asdict(self.config)).items()
        }

    def calibrated(self, threshold: float) -> EffectiveConfig:
        """Return the settings with a threshold of abstaining fitted to the documents, where none was set."""
        if self.origins.get(ABSTAIN_BELOW, "default") != "default":
            return self
        generate = replace(self.config.generate, abstain_below=threshold)
        return EffectiveConfig(
            replace(self.config, generate=generate), {**self.origins, ABSTAIN_BELOW: "tuned"}
        )


def setting_keys() -> list[str]:
    """Return every dotted key, in file order."""
    return list(flatten(asdict(Config())))


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Turn ``{stage: {key: value}}`` into ``{"stage.key": value}``; one level, so mapping values stay whole."""
    return {f"{stage}.{key}": value for stage, section in tree.items() for key, value in section.items()}


def load(
    *,
    file: Path | None = None,
    text: str | None = None,
    tuned: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> EffectiveConfig:
    """Merge settings from a TOML file, tuned values and flags over the defaults.

    Args:
        file: Names the file in errors, and is read when ``text`` is None.
        text: The file's content, where something else opened it.
        tuned: Dotted keys and values found by tuning.
        flags: Dotted keys and values given on the command line or in code.

    Raises:
        ConfigError: the file is not TOML, or a key is unknown, or a value is not allowed.
    """
    named = str(file) if file is not None else "the settings"
    if text is None and file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"cannot read the settings file {named}: {exc}", hint="check --config") from exc
    from_file = flatten_sections(_parse(text, named) if text else {}, named)

    tree: dict[str, dict[str, Any]] = {}
    origins: dict[str, Origin] = {}
    layers: tuple[tuple[Origin, Mapping[str, Any]], ...] = (
        ("tuned", tuned or {}),
        ("file", from_file),
        ("flag", flags or {}),
    )
    for origin, values in layers:
        for key, value in values.items():
            if key not in _KNOWN:
                raise ConfigError(
                    _unknown(key, named if origin == "file" else f"a {origin} setting"),
                    hint="see docs/configuration.md",
                )
            stage, _, leaf = key.partition(".")
            tree.setdefault(stage, {})[leaf] = value
            origins[key] = origin
    return EffectiveConfig(_validated(tree, origins, named) if tree else Config(), origins)


def _validated(tree: Mapping[str, Any], origins: Mapping[str, Origin], named: str) -> Config:
    from pydantic import TypeAdapter, ValidationError  # 0.1 s, which a device without settings does not pay

    try:
        # As JSON: strict about types, and a list is a tuple there.
        return TypeAdapter(Config).validate_json(json.dumps(tree, default=str), strict=True)
    except ValidationError as exc:
        raise ConfigError(_invalid(exc, origins, named), hint="see docs/configuration.md") from None


def flatten_sections(tree: Mapping[str, Any], named: str) -> dict[str, Any]:
    """Flatten a parsed file, refusing keys that stand outside a section."""
    for stage, section in tree.items():
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"{named}: {stage!r} stands outside a section; sections: {', '.join(_STAGES)}",
                hint="write it as [section] and key = value",
            )
    return flatten(tree)


def _parse(text: str, named: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{named} is not valid TOML: {exc}", hint="see docs/configuration.md") from exc


def _unknown(key: str, named: str) -> str:
    stage, _, leaf = key.partition(".")
    if stage not in _STAGES:
        return f"{named}: unknown section {stage!r}; known: {', '.join(_STAGES)}"
    known = [k.partition(".")[2] for k in _KNOWN if k.startswith(f"{stage}.")]
    return f"{named}: unknown key {leaf!r} in [{stage}]; known: {', '.join(known)}"


def _invalid(exc: ValidationError, origins: Mapping[str, Origin], named: str) -> str:
    """Say which key is wrong and what it may hold; never the value, which may be a secret put in the wrong place."""
    problem = exc.errors(include_url=False, include_input=False, include_context=False)[0]
    key = ".".join(str(part) for part in problem["loc"][:2])
    where = named if origins.get(key) == "file" else f"a {origins.get(key, 'default')} value"
    return f"{where}: {key}: {problem['msg']}"


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


_STAGES = [stage.name for stage in fields(Config)]
_KNOWN = dict.fromkeys(setting_keys())  # a set in file order

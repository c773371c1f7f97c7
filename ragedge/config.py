"""Settings, one model per stage, read from TOML; unknown keys are errors.

Precedence: a flag, then the file (``--config``, else ``<kb>/ragedge.toml``), then values tuned on the
device, then the defaults below. ``load`` merges them and remembers where each value came from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ragedge.errors import ConfigError

# In place of a loader's name: files of that type are not read.
NO_LOADER = "none"

Origin = Literal["flag", "file", "tuned", "default"]


class _Stage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RuntimeConfig(_Stage):
    """Where graphs run."""

    backend: str = Field("cpu", description="Backend plugin that runs the models.")
    threads: int = Field(
        0, ge=0, le=256, description="Threads per model; 0 takes the cores this process may use, at most 4."
    )


class IngestConfig(_Stage):
    """How files become chunks."""

    loaders: dict[str, str] = Field(
        default={
            "application/pdf": "pdf",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
            "application/epub+zip": "epub",
            "text/markdown": "markdown",
            "text/html": "html",
            "text/csv": "csv",
            "text/plain": "text",
        },
        description="Loader plugin for each media type. What you write is laid over these; "
        "none switches a type off, whose files are then skipped as unsupported.",
    )
    preprocessors: tuple[str, ...] = Field(
        (), description="Preprocessor plugins, applied to each page in order."
    )
    chunker: str = Field("section", description="Chunker plugin.")
    chunk_tokens: int = Field(
        192,
        ge=16,
        le=2048,
        description="Longest chunk, headings included, in the embedder's tokens; never past its limit.",
    )
    overlap_tokens: int = Field(
        0, ge=0, le=512, description="Tokens that neighbouring windows of one long block share."
    )
    max_file_mb: int = Field(512, ge=1, description="Larger files are skipped.")
    timeout_s: float = Field(120.0, gt=0, description="Longest time to parse one file.")
    memory_mb: int = Field(1024, ge=128, description="Most resident memory for parsing one file.")
    workers: int = Field(
        1, ge=1, le=64, description="Files parsed at a time, each in a process; vectors are made by one."
    )

    @field_validator("loaders", mode="after")
    @classmethod
    def _over_the_built_in(cls, given: dict[str, str]) -> dict[str, str]:
        return {**cls.model_fields["loaders"].default, **given}

    def active_loaders(self) -> dict[str, str]:
        """Return the loaders without the types that are switched off."""
        return {media_type: name for media_type, name in self.loaders.items() if name != NO_LOADER}


class EmbedConfig(_Stage):
    """How text becomes vectors. A change needs a new ingest."""

    embedder: str = Field("onnx", description="Embedder plugin.")
    model: str = Field("minilm-l6", description="Model the embedder loads.")


class IndexConfig(_Stage):
    """How vectors are searched."""

    kind: str = Field(
        "auto", description="Index plugin: auto (hnsw, else usearch, else exact), or a plugin's name."
    )
    m: int = Field(16, ge=2, le=128, description="HNSW links per node.")
    ef_construction: int = Field(200, ge=8, le=2000, description="HNSW candidates while building.")
    ef_search: int = Field(128, ge=8, le=4000, description="HNSW candidates while searching.")
    exact_below: int = Field(
        5000, ge=0, description="With fewer chunks than this, search is exact and no graph is kept."
    )


class RetrieveConfig(_Stage):
    """How a question finds chunks."""

    top_k: int = Field(5, ge=1, le=100, description="Chunks returned.")
    candidates: int = Field(
        50, ge=1, le=1000, description="Chunks that each half of the search offers to the fusion."
    )
    fusion: Literal["score", "rank"] = Field(
        "score", description="How the halves become one ranking: by their scores, or by reciprocal rank."
    )
    rrf_k: float = Field(10.0, ge=1, le=1000, description="With fusion by rank: larger flattens the ranks.")
    dense_weight: float = Field(
        1.0, ge=0, description="Weight of the vectors in the fusion; 0 leaves them out."
    )
    text_weight: float = Field(
        1.0, ge=0, description="Weight of the full text in the fusion; 0 leaves it out."
    )
    heading_weight: float = Field(
        1.0, ge=0, description="Weight of heading words in the full text, against body words at 1."
    )


class GenerateConfig(_Stage):
    """How chunks become an answer."""

    generator: str = Field("onnx", description="Generator plugin; none answers by quoting alone.")
    model: str = Field("smollm2-135m", description="Model the generator loads.")
    context_window: int = Field(
        1024, ge=128, le=131072, description="Tokens of KV cache: prompt and answer together."
    )
    prompt_tokens: int = Field(400, ge=64, description="Longest prompt, all in.")
    max_new_tokens: int = Field(96, ge=1, le=4096, description="Longest answer.")
    temperature: float = Field(0.0, ge=0, le=5, description="0 is greedy.")
    top_k: int = Field(0, ge=0, description="Sample from this many likeliest tokens; 0 takes all.")
    top_p: float = Field(
        1.0, gt=0, le=1, description="Sample from the smallest set of tokens with this probability."
    )
    seed: int | None = Field(None, description="Makes sampling repeatable.")
    abstain_below: float = Field(
        0.4, ge=0, le=1, description="Confidence under which the answer is that the manual does not say."
    )


class PrivacyConfig(_Stage):
    """What may leave the device."""

    egress: Literal["off", "calls", "process"] = Field(
        "calls",
        description="Refuse connections inside ragedge's own calls, in the whole process, or not at all.",
    )


class Config(_Stage):
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
            for key, value in flatten(self.config.model_dump(mode="json")).items()
        }


def setting_keys() -> list[str]:
    """Return every dotted key, in file order."""
    return list(flatten(Config().model_dump(mode="json")))


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
    try:
        config = Config.model_validate(tree)
    except ValidationError as exc:
        raise ConfigError(_invalid(exc, origins, named), hint="see docs/configuration.md") from None
    return EffectiveConfig(config, origins)


def flatten_sections(tree: Mapping[str, Any], named: str) -> dict[str, Any]:
    """Flatten a parsed file, refusing keys that stand outside a section."""
    for stage, section in tree.items():
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"{named}: {stage!r} stands outside a section; sections: {', '.join(Config.model_fields)}",
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
    if stage not in Config.model_fields:
        return f"{named}: unknown section {stage!r}; known: {', '.join(Config.model_fields)}"
    known = [k.partition(".")[2] for k in _KNOWN if k.startswith(f"{stage}.")]
    return f"{named}: unknown key {leaf!r} in [{stage}]; known: {', '.join(known)}"


def _invalid(exc: ValidationError, origins: Mapping[str, Origin], named: str) -> str:
    problem = exc.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in problem["loc"][:2])
    where = named if origins.get(key) == "file" else f"a {origins.get(key, 'default')} value"
    return f"{where}: {key}: {problem['msg']}"


_KNOWN = dict.fromkeys(setting_keys())  # a set in file order

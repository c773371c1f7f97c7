"""Merges settings over the defaults and remembers where each came from; unknown keys are errors.

Precedence: a flag, then the file (``--config``, else ``<kb>/ragedge.toml``), then values tuned on the
device, then the defaults of ``config``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ragedge.config import Config, flatten, setting_keys
from ragedge.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError

ABSTAIN_BELOW = "generate.abstain_below"
Origin = Literal["flag", "file", "tuned", "default"]
_STAGES = [stage.name for stage in fields(Config)]
_KNOWN = dict.fromkeys(setting_keys())  # a set in file order


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

from __future__ import annotations

from pathlib import Path

import pytest

from ragedge.config import Config, schema_of, setting_keys
from ragedge.effective_config import load
from ragedge.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def test_a_flag_beats_the_file_beats_tuning_beats_the_default() -> None:
    text = "[retrieve]\ntop_k = 7\ncandidates = 70\n"
    effective = load(
        text=text,
        tuned={"retrieve.top_k": 6, "retrieve.candidates": 60, "retrieve.rrf_k": 20.0},
        flags={"retrieve.top_k": 8},
    )
    retrieve = effective.config.retrieve
    assert (retrieve.top_k, retrieve.candidates, retrieve.rrf_k) == (8, 70, 20.0)
    facts = effective.as_dict()
    assert facts["retrieve.top_k"] == {"value": 8, "origin": "flag"}
    assert facts["retrieve.candidates"]["origin"] == "file"
    assert facts["retrieve.rrf_k"]["origin"] == "tuned"
    assert facts["generate.temperature"]["origin"] == "default"
    assert list(facts) == setting_keys()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[retrieve]\ntopK = 3", ("unknown key 'topK'", "top_k")),
        ("[retreive]\ntop_k = 3", ("unknown section 'retreive'", "retrieve")),
        ("top_k = 3", ("outside a section", "retrieve")),
        ("[retrieve]\ntop_k = 0", ("retrieve.top_k", "greater than or equal to 1")),
        ("[retrieve]\ntop_k = 'many'", ("retrieve.top_k", "valid integer")),
        ("[retrieve]\ntop_k = 1979-05-27", ("retrieve.top_k", "valid integer")),
        ("[retrieve\ntop_k = 3", ("not valid TOML",)),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(file=Path("device.toml"), text=text)
    assert all(word in caught.value.message for word in ("device.toml", *words))
    assert "docs/configuration.md" in caught.value.hint or "section" in caught.value.hint


def test_an_unknown_flag_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"flag.*unknown key 'topk'"):
        load(flags={"retrieve.topk": 3})


def test_a_missing_or_unreadable_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml"):
        load(file=tmp_path / "nothing.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml"):
        load(file=tmp_path / "binary.toml")


@pytest.mark.parametrize("key", ["retrieve.top_k", "retrieve.fusion", "generate.seed", "ingest.loaders"])
def test_a_wrong_value_is_not_repeated(key: str) -> None:
    """A secret pasted into the wrong place must not come back in an error or a log."""
    with pytest.raises(ConfigError) as caught:
        load(flags={key: "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert key in str(caught.value)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        Config().retrieve.top_k = 3  # type: ignore[misc]


@pytest.mark.parametrize("key", setting_keys())
def test_every_key_is_described_and_documented(key: str) -> None:
    stage, _, leaf = key.partition(".")
    description = schema_of(stage)[leaf]["description"]
    assert description.endswith(".")
    assert f"`{leaf}`" in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_a_fitted_threshold_replaces_the_default_but_nothing_that_was_set() -> None:
    fitted = load().calibrated(0.42)
    assert (fitted.config.generate.abstain_below, fitted.origins["generate.abstain_below"]) == (0.42, "tuned")
    flagged = load(flags={"generate.abstain_below": 0.6})
    assert flagged.calibrated(0.42) is flagged

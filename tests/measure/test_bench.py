"""What ``ragedge bench`` measures: on a tiny model here, on the default generator in the slow tests."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ragedge.cli import output
from ragedge.cli.main import cli
from ragedge.errors import ConfigError, ModelError
from ragedge.measure.bench.energy import EnergyMeter
from ragedge.measure.bench.limits import judge, read_limits
from ragedge.measure.bench.machine import Hold, temperature_c
from ragedge.measure.bench.memory import plan
from ragedge.measure.bench.running import Asked, bench, prompts_for
from ragedge.models import store
from ragedge.testing.tiny_decoder import write_tiny_decoder


@pytest.fixture
def tiny(isolated_environment: Path) -> str:
    write_tiny_decoder(isolated_environment / "models" / "tiny")
    return "tiny"


@pytest.fixture(autouse=True)
def results_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let click's runner catch the results; no guard that stays armed for the tests that follow."""
    monkeypatch.setattr(output, "_results", None)
    monkeypatch.setattr("ragedge.privacy.egress.arm_process", lambda: None)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["bench", *arguments])
    return done.exit_code, done.output


def test_the_command_measures_each_prompt_in_each_context(tiny: str) -> None:
    rows = ["--context", "64", "--context", "200", "--prompt-tokens", "24", "--prompt-tokens", "100"]
    size = ["--new-tokens", "4", "--rounds", "2", "--minutes", "0.001", "--cores", "1", "--speed", "0.9"]
    status, printed = run("--model", tiny, *rows, *size, "--require", "tok_s=0.01,rss_mb=100000", "--json")
    assert status == 0, printed
    found = json.loads(printed)
    assert [(row["context"], row["prompt_tokens"]) for row in found["rows"]] == [
        (64, 24),
        (200, 24),
        (200, 100),
    ]
    for row in found["rows"]:
        assert row["rounds"] == 2
        assert 0 < row["ttft_ms"]["p50"] <= row["ttft_ms"]["p95"]
        assert row["prefill_tok_s"] == pytest.approx(row["prompt_tokens"] / row["ttft_ms"]["p50"] * 1000)
        assert row["decode_tok_s"] > 0
        assert row["rss_mb"] == pytest.approx(row["planned_mb"], rel=0.1)
    assert found["machine"]["held_to"] == {"cores": 1, "speed": 0.9}
    assert found["machine"]["threads"] == 1
    assert {name: one["ok"] for name, one in found["required"].items()} == {"tok_s": True, "rss_mb": True}
    assert found["sustained"]["rounds"] >= 4
    assert not any(one["measured_here"] for one in found["published"])


def test_a_missed_requirement_is_a_failure_with_its_reason(tiny: str) -> None:
    status, printed = run("--model", tiny, "--context", "32", "--prompt-tokens", "8", "--new-tokens", "2", "--rounds",
                          "1", "--published", "--require", "ttft_ms=0.0001")  # fmt: skip
    assert status == 1
    assert "at 8 tokens of prompt in a context of 32; at most 0.0001 is required" in printed
    assert "Nothing below was measured here" in printed


def test_a_model_that_outgrows_the_memory_it_is_held_to_does_not_run(tiny: str) -> None:
    with pytest.raises(ModelError, match="a context of 32 does not fit 16 MB"):
        bench(Asked(tiny, contexts=[32], new_tokens=2, hold=Hold(memory_mb=16)))


def test_what_cannot_be_measured_is_said_before_anything_runs(home_with_embedder: Path, tiny: str) -> None:
    with pytest.raises(ConfigError, match="minilm-l6 is an embedder"):
        bench(Asked("minilm-l6"))
    with pytest.raises(ConfigError, match="longer than the 512"):
        bench(Asked(tiny, contexts=[1024]))
    with pytest.raises(ConfigError, match="a context of 40 does not hold"):
        bench(Asked(tiny, contexts=[40], prompts=[20], fill=False))
    with pytest.raises(ConfigError, match="cores here"):
        bench(Asked(tiny, hold=Hold(cores=4096)))


def test_a_context_is_filled_unless_prompts_are_named() -> None:
    asked = Asked("any", new_tokens=32)
    assert prompts_for(1024, asked) == [128, 400, 992]
    assert prompts_for(256, asked) == [128, 224]
    assert prompts_for(256, Asked("any", prompts=[64], fill=False)) == [64]


def test_the_plan_is_the_sum_of_its_parts(tiny: str) -> None:
    folder = store.find(tiny)
    planned = plan(folder, tokens=300, chunk=256, loaded=50_000_000, load_peak=50_100_000)
    assert planned.cache == 2 * 2 * 2 * 16 * 300 * 4  # keys and values, layers, heads, numbers, tokens, bytes
    assert planned.table == 259 * 32 * 4
    assert planned.activations == 257 * (2 * 32 + 3 * 128) * 4  # the widest product is q, k and v together
    assert planned.total == planned.loaded + planned.table + planned.cache + planned.activations
    assert plan(folder, tokens=1, chunk=256, loaded=50_000_000, load_peak=60_000_000).total == 60_000_000


ROW: dict[str, Any] = {
    "context": 64, "prompt_tokens": 8, "ttft_ms": {"p50": 80.0, "p95": 90.0}, "token_ms": {"p50": 9.0, "p95": 12.0},
    "prefill_tok_s": 100.0, "decode_tok_s": 10.0, "load_ms": 300.0, "rss_mb": 250.0, "energy_j": None,
}  # fmt: skip


def test_limits_are_held_by_the_worst_row() -> None:
    rows = [ROW, {**ROW, "prompt_tokens": 40, "decode_tok_s": 4.0}]
    found = judge(read_limits(["ttft_ms=90, tok_s=5", "rss_mb=249,energy_j=3"]), rows)
    assert found["ttft_ms"] == {"limit": 90, "measured": 90.0, "ok": True, "reason": ""}
    assert found["tok_s"]["reason"] == (
        "tok_s is 4 at 40 tokens of prompt in a context of 64; at least 5 is required"
    )
    assert (found["rss_mb"]["ok"], found["energy_j"]["ok"]) == (False, False)
    assert "does not tell" in found["energy_j"]["reason"]


@pytest.mark.parametrize(
    "text", ["speed=5", "ttft_ms", "ttft_ms=fast", "ttft_ms=-1", "tok_s=nan", "tok_s=inf"]
)
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--require"):
        read_limits([text])


def test_counters_of_energy_are_added_up_and_may_run_over(tmp_path: Path) -> None:
    for name, value in (("intel-rapl:0", 9_000_000), ("intel-rapl:1", 1_000_000), ("intel-rapl:0:0", 5)):
        zone = tmp_path / "class" / "powercap" / name
        zone.mkdir(parents=True)
        (zone / "energy_uj").write_text(f"{value}\n")
        (zone / "max_energy_range_uj").write_text("10000000\n")
    meter = EnergyMeter.find(tmp_path)
    assert meter is not None
    assert meter.source == "RAPL, 2 packages"
    (tmp_path / "class/powercap/intel-rapl:0/energy_uj").write_text("500000\n")  # over its end: 1.5 J
    (tmp_path / "class/powercap/intel-rapl:1/energy_uj").write_text("3000000\n")
    assert meter.joules() == pytest.approx(3.5)
    meter.close()


def test_power_is_summed_up_over_time(tmp_path: Path) -> None:
    sensor = tmp_path / "class" / "hwmon" / "hwmon0" / "power1_input"
    sensor.parent.mkdir(parents=True)
    sensor.write_text("2000000\n")
    before = threading.active_count()
    meter = EnergyMeter.find(tmp_path)
    assert meter is not None
    started = time.perf_counter()
    while meter.joules() < 0.3:
        assert time.perf_counter() - started < 60
        time.sleep(0.01)
    meter.close()
    assert meter.joules() <= 2 * (time.perf_counter() - started) + 0.2
    assert threading.active_count() == before
    assert EnergyMeter.find(tmp_path / "nothing") is None


def test_the_hottest_zone_is_the_temperature(tmp_path: Path) -> None:
    for place, value in enumerate(("45000", "61500", "unknown")):
        (tmp_path / f"thermal_zone{place}").mkdir()
        (tmp_path / f"thermal_zone{place}" / "temp").write_text(value)
    assert temperature_c(tmp_path) == 61.5
    assert temperature_c(tmp_path / "none") is None


@pytest.mark.slow
@pytest.mark.usefixtures("home_with_models")
def test_the_default_generator_takes_the_memory_that_is_planned() -> None:
    found = bench(Asked("smollm2-135m", contexts=[512, 1024, 2048, 4096], prompts=(), new_tokens=8, rounds=1))
    for row in found["rows"]:
        assert row["rss_mb"] == pytest.approx(row["planned_mb"], rel=0.1), row["context"]

"""A fleet on a local cluster: real workers, real knowledge bases, and what of it can be reached from outside."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest
from click.testing import CliRunner
from ragedge_fleet import Line, build_fleet, read_plan
from ragedge_fleet.building import _client
from ragedge_fleet.command import main

import ragedge
from ragedge.errors import ConfigError

pytestmark = pytest.mark.usefixtures("home_with_embedder")

PLAN = """
[lines.h16]
paths = ["common", "h16.md"]
metadata = { model = "H16" }

[lines.p16]
paths = ["common"]
settings = { "ingest.chunk_tokens" = 64 }

[lines.broken]
paths = ["common"]
settings = { "ingest.chunk_tokens" = "many" }
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "jack.md").write_text("# Jack\n\nThe jack lifts 900 kg.\n")
    (tmp_path / "h16.md").write_text("# Fuses\n\nFuse FE8 protects the horn.\n")
    (tmp_path / "fleet.toml").write_text(PLAN)
    return tmp_path / "fleet.toml"


def test_lines_are_built_side_by_side_and_one_that_fails_stops_no_other(plan: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(plan), "--out", str(tmp_path / "out"), "--workers", "2", "--json"])
    assert done.exit_code == 1
    lines = {report["line"]: report for report in json.loads(done.stdout)["lines"]}
    assert lines["h16"]["ingest"]["added"] == ["jack.md", "h16.md"]
    assert lines["broken"]["error"]["type"] == "ConfigError"
    with ragedge.open(tmp_path / "out" / "h16") as kb:
        assert kb.search("Which fuse protects the horn?", where=["model=H16"])[0].source == "h16.md"
    with ragedge.open(tmp_path / "out" / "p16") as kb:
        assert [item["source"] for item in kb.status()["sources"]] == ["jack.md"]
    again = build_fleet(read_plan(plan)[:1], tmp_path / "out", workers=1)
    assert sorted(again[0]["ingest"]["unchanged"]) == ["h16.md", "jack.md"]


def test_the_local_cluster_listens_on_this_machine_alone_and_serves_no_pages() -> None:
    with _client(None, 1) as client:
        client.wait_for_workers(1, timeout=60)
        here = psutil.Process()
        listening = [
            item.laddr
            for process in (here, *here.children(recursive=True))
            for item in process.net_connections(kind="inet")
            if item.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert {address.ip for address in listening} == {"127.0.0.1"}
        for port in client.scheduler_info()["services"].values():
            for page in ("status", "info/main/workers.html", "json/counts.json", "metrics"):
                with pytest.raises(HTTPError, match="404"):
                    urlopen(f"http://127.0.0.1:{port}/{page}", timeout=10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lines = 3", "lines.NAME"),
        ("[lines.'../x']\npaths = ['a']", "cannot name a folder"),
        ("[lines.a]\npaths = []", "needs paths"),
        ("[lines.a]\npaths = ['a']\ncolour = 'red'", "needs paths"),
        ("[lines.a", "cannot read"),
    ],
)
def test_a_plan_that_is_not_one_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_plan(tmp_path / "plan.toml")


def test_two_lines_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="same name"):
        build_fleet([Line("a", ("x",)), Line("a", ("y",))], tmp_path)

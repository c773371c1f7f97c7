"""A browser, and a server for it: Chromium, held to loopback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from page_server import serving, write_manuals
from playwright.sync_api import sync_playwright
from reader import Visit

# The system's own; names it goes by on Debian, Fedora, Arch and others.
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Whatever the page or the browser asked for elsewhere would fail, and be seen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip


@pytest.fixture(scope="session")
def shared_home(minilm_dir: Path, smollm2_dir: Path) -> Path:
    return minilm_dir.parent.parent


@pytest.fixture(scope="session")
def manuals_kb(tmp_path_factory, shared_home) -> Path:
    """Return a knowledge base over three manuals; not to be changed."""
    folder = tmp_path_factory.mktemp("manuals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(shared_home))
        import ragedge

        with ragedge.open(folder / "kb", create=True) as kb:
            kb.ingest(*write_manuals(folder))
            kb.store.learned.add_trial("result", "last", TUNED)
            for number, (changes, score, ms) in enumerate(TRIED):
                body = {"changes": changes, "scores": [score] * 40, "search_ms": ms, "bytes": 1_000_000}
                kb.store.learned.add_trial("study", str(number), body)
    return folder / "kb"


TRIED = [
    ({}, 0.71, 4.0),
    ({"retrieve.dense_weight": 2.0}, 0.78, 4.4),
    ({"retrieve.dense_weight": 0.5}, 0.64, 3.9),
]
TUNED = {
    "schema": 1, "trials": 3, "applied": True, "accepted": True, "reason": "better",
    "baseline": {"ndcg@10": 0.71, "latency_ms": 4.0, "mb": 1.0},
    "best": {"ndcg@10": 0.78, "latency_ms": 4.4, "mb": 1.0},
    "gain": {"value": 0.07, "low": 0.01, "high": 0.13}, "chance": 0.01, "held_out": 40, "folds": 5,
    "settings": {"retrieve.dense_weight": 2.0}, "best_settings": {"retrieve.dense_weight": 2.0},
    "questions": {"made": 40}, "resumed": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def kb_path(manuals_kb, tmp_path_factory) -> Path:
    """Return the module's own copy."""
    copy = tmp_path_factory.mktemp("served") / "kb"
    shutil.copytree(manuals_kb, copy)
    return copy


@pytest.fixture(scope="module")
def address(kb_path, shared_home) -> Iterator[str]:
    with serving(kb_path, shared_home) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    assert program, f"no browser: install one of {', '.join(_NAMES)}"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser, address) -> Iterator[Visit]:
    """Return a visitor who, in the end, asked no other host and broke no rule."""
    visitor = Visit(browser, address)
    yield visitor
    visitor.close()
    assert visitor.hosts - {""} == {urlsplit(address).netloc}
    assert visitor.complaints == []

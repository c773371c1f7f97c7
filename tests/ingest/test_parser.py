"""The parser process: what a file may do costs that file only."""

from __future__ import annotations

import io
import os
import sys
import time
from pathlib import Path

import pytest

from ragedge.config import IngestConfig
from ragedge.errors import PluginError, SourceError, UnknownPluginError
from ragedge.ingest.parser_pool import ParserPool
from ragedge.ingest.parser_process import CounterSpec, Parser

COUNTER = CounterSpec("ragedge.testing.word_counter:create")


@pytest.fixture
def parser():
    with Parser(IngestConfig(), COUNTER) as opened:
        yield opened


@pytest.fixture
def misbehaving(tmp_path, monkeypatch):
    """A parser whose loader for plain text does what the file says."""
    package = tmp_path / "misbehaving-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: misbehaving\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[ragedge.loader]\nmisbehaving = misbehaving:create\n")
    (tmp_path / "misbehaving.py").write_text((Path(__file__).parent / "misbehaving.py").read_text())
    monkeypatch.syspath_prepend(str(tmp_path))
    config = IngestConfig(loaders={"text/plain": "misbehaving"}, timeout_s=1.5, memory_mb=256)
    with Parser(config, COUNTER) as opened:
        yield opened


def code_of(parser, data, source="a.txt"):
    with pytest.raises(SourceError) as caught:
        parser.parse(source, data)
    assert source in caught.value.message
    return caught.value.code


def test_it_gives_the_document_and_its_chunks(parser):
    parsed = parser.parse("a.md", "# Öl\n\nAblass: 25 Nm. 冷却液 🙂\n".encode())
    assert parsed.document.pages[0].text == "Öl\n\nAblass: 25 Nm. 冷却液 🙂"
    assert parsed.chunks[0].text == parsed.document.pages[0].text
    assert parsed.document.media_type == "text/markdown"


def test_it_is_what_the_parts_give_in_this_process(parser):
    from ragedge.ingest import markdown, section_chunker
    from ragedge.testing.word_counter import WordCounter

    data = b"# A\n\n| a | b |\n|---|---|\n" + b"| one | two three |\n" * 90
    document = markdown.create({}).load(data, "a.md")
    parsed = parser.parse("a.md", data)
    assert parsed.document == document
    assert parsed.chunks == list(section_chunker.create({"max_tokens": 192}).chunk(document, WordCounter()))


def test_one_worker_reads_many_files(parser):
    parser.parse("a.txt", b"one")
    worker = parser._worker
    for data in (b"", b"\x7fELF" + bytes(99), b"%PDF-1.4 broken"):
        with pytest.raises(SourceError):
            parser.parse("b.pdf", data)
    assert parser.parse("c.txt", b"three").document.pages[0].text == "three"
    assert parser._worker is worker


@pytest.mark.parametrize("workers", [1, 3])
def test_files_in_the_background_come_in_order(workers):
    with ParserPool(lambda: Parser(IngestConfig(), COUNTER), workers) as pool:
        futures = [pool.parse(f"{n}.txt", f"file {n}".encode()) for n in range(7)]
        texts = [future.result().document.pages[0].text for future in futures]
    assert texts == [f"file {n}" for n in range(7)]


def test_closing_a_pool_ends_what_is_under_way(misbehaving):
    pool = ParserPool(lambda: misbehaving, 1)
    running, waiting = pool.parse("a.txt", b"hang here"), pool.parse("b.txt", b"words")
    while not running.running():
        time.sleep(0.01)
    pool.close()
    with pytest.raises(SourceError):
        running.result()
    assert waiting.cancelled()


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (b"hang", "timeout"),
        pytest.param(
            b"seize", "timeout",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="the C library is not found by this name"),
        ),
        (b"crash", "damaged"),
        (b"exit", "damaged"),
        (b"deep", "damaged"),
        (b"raise", "damaged"),
        pytest.param(
            b"bomb", "memory",
            marks=pytest.mark.skipif(not sys.platform.startswith("linux"), reason="resident memory is read from /proc"),
        ),
    ],
)  # fmt: skip
def test_a_bad_file_costs_that_file_only(misbehaving, order, code):
    assert code_of(misbehaving, order + b" and words") == code
    assert misbehaving.parse("good.txt", b"plain words").document.pages[0].text == "plain words"


def test_noise_does_not_get_into_the_answer(misbehaving):
    assert misbehaving.parse("a.txt", b"print words").document.pages[0].text == "print words"


def test_an_error_holds_nothing_of_the_file(misbehaving):
    with pytest.raises(SourceError) as caught:
        misbehaving.parse("a.txt", b"raise CANARY-4711")
    assert "CANARY" not in str(caught.value)
    assert "ValueError" in caught.value.message


def test_a_plugin_that_is_not_there_is_no_fault_of_the_file():
    with (
        Parser(IngestConfig(loaders={"text/plain": "nope"}), COUNTER) as parser,
        pytest.raises(PluginError, match="nope"),
    ):
        parser.parse("a.txt", b"words")
    with Parser(IngestConfig(chunker="nope"), COUNTER) as parser, pytest.raises(PluginError, match="nope"):
        parser.parse("a.txt", b"words")
    assert issubclass(UnknownPluginError, PluginError)


def test_a_counter_that_cannot_be_built_says_so():
    with (
        Parser(IngestConfig(), CounterSpec("no.such:thing")) as parser,
        pytest.raises(PluginError, match="could not start"),
    ):
        parser.parse("a.txt", b"words")


def test_a_file_over_the_limit_is_not_sent():
    with Parser(IngestConfig(max_file_mb=1), COUNTER) as parser:
        assert code_of(parser, b"x" * (1 << 20) + b"y" * (1 << 20)) == "too_large"
        assert parser._worker is None


def test_chunks_never_pass_the_embedders_limit():
    with Parser(IngestConfig(chunk_tokens=192), COUNTER, embedder_max_tokens=40) as parser:
        chunks = parser.parse("a.txt", b"some words of a long text. " * 60).chunks
    from ragedge.testing.word_counter import WordCounter

    assert max(len(WordCounter().token_spans(chunk.index_text)) for chunk in chunks) <= 40


def test_preprocessors_are_applied():
    with Parser(IngestConfig(preprocessors=("nfkc",)), COUNTER) as parser:
        assert parser.parse("a.txt", "トルク ２５ Ｎｍ".encode()).document.pages[0].text == "トルク 25 Nm"


def test_closing_ends_the_worker():
    parser = Parser(IngestConfig(), COUNTER)
    parser.parse("a.txt", b"words")
    process = parser._worker._process
    parser.close()
    assert process.poll() is not None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc tells what a process has mapped")
def test_the_worker_loads_nothing_heavy(parser):
    parser.parse("a.md", b"# Words\n\nand more")
    maps = Path(f"/proc/{parser._worker._process.pid}/maps").read_text()
    for heavy in ("onnxruntime", "hnswlib", "numpy", "pydantic_core", "msgspec"):
        assert heavy not in maps


def test_code_beside_a_manual_is_not_run(tmp_path, monkeypatch):
    (tmp_path / "pypdf.py").write_text("open('ran', 'w').close()\n")
    (tmp_path / "json.py").write_text("open('ran', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    with Parser(IngestConfig(), COUNTER) as parser:
        parser.parse("a.txt", b"words")
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="processes are asked after by signal")
@pytest.mark.parametrize("order", ["words", "hang", "seize"])
def test_the_worker_ends_with_its_parent(misbehaving, tmp_path, order):
    import subprocess

    script = (
        "import os, threading, time\nfrom ragedge.config import IngestConfig\n"
        "from ragedge.ingest.parser_process import CounterSpec, Parser\n"
        "config = IngestConfig(loaders={'text/plain': 'misbehaving'}, timeout_s=1.5)\n"
        "p = Parser(config, CounterSpec('ragedge.testing.word_counter:create'))\np.parse('a.txt', b'words')\n"
        f"threading.Thread(target=p.parse, args=('b.txt', b'{order} '), daemon=True).start()\ntime.sleep(0.2)\n"
        "print(p._worker._process.pid, flush=True)\nos._exit(0)\n"
    )
    out = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    pid = int(io.StringIO(out.stdout).readline())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent by ten seconds")

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ragedge_ocr import reader
from scans import drain_plug, scanned, typed

import ragedge
from ragedge import plugins
from ragedge.errors import ModelIntegrityError
from ragedge.testing.ocr_contract import OcrContract


@functools.cache
def loaded():
    return plugins.create("ocr", "rapidocr", {})


@pytest.fixture
def ocr():
    return loaded()


class TestRapidOcr(OcrContract):
    plugin = "rapidocr"

    @pytest.fixture
    def ocr(self):
        return loaded()

    def scan(self) -> bytes:
        return drain_plug()


def ask(tmp_path: Path, file: Path, question: str, **settings):
    chosen = {"generate.generator": "none", "ingest.ocr": "rapidocr", **settings}
    with ragedge.open(tmp_path / "kb", create=True, settings=chosen) as kb:
        report = kb.ingest(file)
        return report, kb.inspect(file.name), kb.search(question, top_k=1)


def test_a_scan_is_taken_in_and_found(tmp_path, home_with_embedder):
    file = tmp_path / "scan.pdf"
    file.write_bytes(drain_plug())
    report, pages, hits = ask(tmp_path, file, "drain plug torque")
    assert report.added == ["scan.pdf"]
    assert report.as_dict()["ocr_pages"] == [{"source": "scan.pdf", "pages": [1]}]
    assert report.unread_pages == []  # the white page was looked at
    assert hits[0].page == 1
    assert "drain plug" in hits[0].text
    assert 0.5 < hits[0].metadata["ocr_confidence"] <= 1.0
    assert pages[0]["text"][hits[0].start : hits[0].end] in hits[0].text


def test_without_it_the_report_says_which_pages_and_what_to_install(tmp_path, home_with_embedder):
    file = tmp_path / "half.pdf"
    file.write_bytes(_appended(typed([[(60, 700, "Typed words of the first page")]]), drain_plug()))
    report, _, _ = ask(tmp_path, file, "words", **{"ingest.ocr": "none"})
    assert report.unread_pages[0].pages == (2, 3)
    assert "ingest.ocr=rapidocr" in report.unread_pages[0].hint
    report, _, hits = ask(tmp_path, file, "drain plug torque")
    assert report.updated == ["half.pdf"]
    assert report.ocr_pages[0].pages == (2,)
    assert hits[0].page == 2


def test_only_pictures_and_no_ocr_is_a_reason_with_a_way_out(tmp_path, home_with_embedder):
    file = tmp_path / "scan.pdf"
    file.write_bytes(drain_plug())
    with ragedge.open(tmp_path / "kb", create=True) as kb:
        skipped = kb.ingest(file).skipped[0]
    assert skipped.code == "no_text"
    assert "ingest.ocr=rapidocr" in skipped.reason


def test_rows_of_a_scanned_table_stay_rows(tmp_path, home_with_embedder):
    rows = [("Fastener", "Torque", "Tool"), ("Drain plug", "31 Nm", "socket"), ("Cover bolt", "8 Nm", "key"),
            ("Belt pulley", "44 Nm", "socket"), ("Oil filter", "17 Nm", "hand")]  # fmt: skip
    words = [
        (60 + 170 * column, 700 - 30 * line, text)
        for line, row in enumerate(rows)
        for column, text in enumerate(row)
    ]
    file = tmp_path / "table.pdf"
    file.write_bytes(scanned([words]))
    _, pages, _ = ask(tmp_path, file, "torque")
    lines = [line for line in pages[0]["text"].split("\n") if "Belt" in line]
    assert len(lines) == 1
    assert "44" in lines[0]


def test_words_in_a_figure_are_read_where_asked_and_typed_words_not_twice(ocr):
    data = scanned(
        [[(60, 700, "Valve A"), (60, 500, "Pump B7")]], below=[[(60, 700, "Typed words of the page")]]
    )
    found = " ".join(line.text for line in ocr.read(data, 0, True))
    assert "Pump" in found
    assert "Typed" not in found
    assert ocr.read(typed([[(60, 700, "No picture")]]), 0, True) == []


def test_a_missing_model_is_named_and_not_fetched(monkeypatch):
    monkeypatch.setitem(reader._MODELS, "Rec.model_path", "other.onnx")
    with pytest.raises(ModelIntegrityError, match=r"other\.onnx"):
        reader.RapidOcrReader()


@pytest.mark.skipif(sys.platform != "linux", reason="an empty network namespace is Linux's")
def test_it_reads_where_there_is_no_network(tmp_path):
    probe = subprocess.run(["unshare", "-rn", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("this machine lets nobody make a network namespace")
    (tmp_path / "scan.pdf").write_bytes(drain_plug())
    script = (
        "import sys\nfrom ragedge import plugins\n"
        "lines = plugins.create('ocr', 'rapidocr', {}).read(open(sys.argv[1], 'rb').read(), 0, False)\n"
        "print(' '.join(line.text for line in lines))\n"
    )
    done = subprocess.run(
        ["unshare", "-rn", sys.executable, "-c", script, str(tmp_path / "scan.pdf")],
        capture_output=True, text=True, check=True, env=os.environ | {"HOME": str(tmp_path)},
    )  # fmt: skip
    assert "drain plug" in done.stdout


def _appended(first: bytes, second: bytes) -> bytes:
    import io

    import pypdf

    writer = pypdf.PdfWriter()
    for data in (first, second):
        writer.append(io.BytesIO(data))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()

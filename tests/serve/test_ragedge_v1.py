"""The server's own routes, over a real server: documents in and out, answers in pieces, verdicts, counts."""

from __future__ import annotations

import json

import pytest
from running_server import QUESTION, start, write_pdf

V1 = "/ragedge/v1"


@pytest.fixture(scope="module")
def own(shared_home, tmp_path_factory):
    """Return a server over a knowledge base of its own, empty at first."""
    work = tmp_path_factory.mktemp("own")
    server = start(work / "kb", shared_home, work, "--create", "--set", "serve.max_upload_mb=1")
    yield server
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture(scope="module")
def client(own):
    with own.client() as client:
        yield client


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    return write_pdf(tmp_path_factory.mktemp("pdf") / "pump.pdf").read_bytes()


def events(answer):
    """Return the events of a stream, each as (name, data)."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    blocks = (block.split("\n") for block in answer.text.strip().split("\n\n"))
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in blocks]


def test_nothing_to_answer_from_yet(client):
    assert client.get(f"{V1}/health").json()["documents"] == 0
    assert client.get(f"{V1}/documents").json()["documents"] == []
    answer = client.post(f"{V1}/ask", json={"question": QUESTION})
    assert answer.status_code == 409 and answer.json()["error"]["type"] == "KnowledgeBaseNotFoundError"


def test_a_document_goes_in_and_its_progress_is_told(client, pdf):
    answer = client.put(
        f"{V1}/documents/pumps/pump.pdf", content=pdf, params={"meta": ["model=P7", "year=2024"]},
        headers={"accept": "text/event-stream"},
    )  # fmt: skip
    *progress, (last, report) = events(answer)
    assert progress and {name for name, _ in progress} == {"progress"}
    assert last == "report" and report["added"] == ["pumps/pump.pdf"] and report["pages"] == 3
    [document] = client.get(f"{V1}/documents").json()["documents"]
    assert document["source"] == "pumps/pump.pdf" and document["metadata"] == {"model": "P7", "year": 2024}
    assert client.get(f"{V1}/health").json()["documents"] == 1


def test_the_same_document_again_changes_nothing(client, pdf):
    sent = client.put(
        f"{V1}/documents/pumps/pump.pdf", content=pdf, params={"meta": ["model=P7", "year=2024"]}
    )
    assert sent.json()["unchanged"] == ["pumps/pump.pdf"]


def test_search(client):
    found = client.post(f"{V1}/search", json={"question": "drain plug torque", "top_k": 2}).json()
    assert found["hits"][0]["page"] == 1 and len(found["hits"]) == 2 and found["timings"]["total_ms"] > 0
    assert (
        client.post(f"{V1}/search", json={"question": "drain plug", "where": {"model": "P8"}}).json()["hits"]
        == []
    )
    found = client.post(f"{V1}/search", json={"question": "drain plug", "where": ["year>=2024"]}).json()
    assert found["hits"]


def test_an_answer_in_pieces_is_the_whole_one(client):
    whole = client.post(f"{V1}/ask", json={"question": QUESTION}).json()
    assert whole["schema"] == 1 and "35 N·m" in whole["text"] and whole["citations"][0]["page"] == 1
    *said, (last, answer) = events(client.post(f"{V1}/ask", json={"question": QUESTION, "stream": True}))
    assert last == "answer" and answer["text"] == whole["text"]
    assert {name for name, _ in said} == {"sentence"}
    assert "".join(data["added"] for _, data in said) == answer["text"]
    assert [c for _, data in said for c in data["new_citations"]] == answer["citations"]


def test_a_session_is_kept_until_it_is_cleared(client):
    for question in ("How often is the oil changed?", "And how many litres does it take?"):
        answer = client.post(f"{V1}/ask", json={"question": question, "session": "tablet-1"}).json()
    assert "4.5 litres" in answer["text"]
    assert client.get(f"{V1}/sessions").json()["sessions"] == ["tablet-1"]
    assert client.delete(f"{V1}/sessions/tablet-1").json()["cleared"] == "tablet-1"
    assert client.get(f"{V1}/sessions").json()["sessions"] == []


def test_verdicts(client):
    sent = {"question": QUESTION, "source": "pumps/pump.pdf", "page": 1, "right": True}
    answer = client.post(f"{V1}/feedback", json=sent)
    assert answer.status_code == 201
    [kept] = client.get(f"{V1}/feedback").json()["feedback"]
    assert kept["id"] == answer.json()["id"] and kept["right"] is True
    assert client.post(f"{V1}/feedback", json=sent | {"page": 99}).status_code == 404
    assert client.delete(f"{V1}/feedback/{kept['id']}").json()["removed"] == [kept["id"]]
    assert client.delete(f"{V1}/feedback/{kept['id']}").status_code == 404


@pytest.mark.parametrize(
    ("status", "content"),
    [(422, b"\x00\x01\x02\xff" * 64), (422, b"%PDF-1.7\nbroken"), (422, b""), (413, b"a" * (1 << 20) + b"a")],
)
def test_what_cannot_be_taken_in_is_refused_and_leaves_nothing(client, status, content):
    answer = client.put(f"{V1}/documents/bad.bin", content=content)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["message"]
    assert [d["source"] for d in client.get(f"{V1}/documents").json()["documents"]] == ["pumps/pump.pdf"]


@pytest.mark.parametrize("name", ["..%2fetc", "a%00b", "%2fabs", "a%5cb", "a%2f%2fb"])
def test_names_that_are_no_documents(client, pdf, name):
    assert client.put(f"{V1}/documents/{name}", content=pdf).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"question": 1}',
        b'{"question": "x", "unknown": 1}',
        b"[" * 100_000,
        b'{"question": "\xff"}',
    ],
)
def test_bodies_that_are_none(client, body):
    answer = client.post(f"{V1}/ask", content=body)
    assert answer.status_code == 400 and answer.json()["error"]["message"]


def test_too_large_a_body(client):
    assert client.post(f"{V1}/ask", json={"question": "x" * (2 << 20)}).status_code == 413


def test_what_prometheus_reads(own, client):
    text = client.get(f"{V1}/metrics").text
    assert 'ragedge_answers_total{method="' in text and "process_resident_memory_bytes" in text
    assert own.metric('ragedge_requests_total{method="POST",route="/ragedge/v1/ask",status="200"}') >= 4
    assert "drain" not in text and "pump.pdf" not in text


def test_a_document_goes_out_with_its_file(own, client):
    kept = own.log.parent / "kb" / "originals"
    assert len(list(kept.iterdir())) == 1
    assert client.delete(f"{V1}/documents/pumps/pump.pdf").json()["removed"] == ["pumps/pump.pdf"]
    assert client.delete(f"{V1}/documents/pumps/pump.pdf").status_code == 404
    assert list(kept.iterdir()) == []
    answer = client.post(f"{V1}/ask", json={"question": QUESTION}).json()
    assert answer["abstained"]


def test_the_log_holds_no_content(own, client):
    client.post(f"{V1}/ask", json={"question": "canary question of the drain plug"})
    client.get(f"{V1}/canary")
    log = own.log.read_text()
    assert "POST /ragedge/v1/ask 200" in log
    for word in ("canary", "drain", "N·m", "pump.pdf"):
        assert word not in log

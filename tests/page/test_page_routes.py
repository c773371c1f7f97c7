"""What the page is made of and what it asks the server for, without a browser."""

import io
import json
import re
import shutil
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from page_server import KEY, LAMP_2024, PUMP, pdf
from PIL import Image
from starlette.testclient import TestClient

import ragedge
from ragedge.errors import SourceError
from ragedge.serve.access import Access
from ragedge.serve.app import create_app
from ragedge.serve.page.files import PUBLIC

STATIC = files("ragedge.serve.page").joinpath("static")
SCRIPTS = {item.name: item.read_text("utf-8") for item in STATIC.iterdir() if item.name.endswith(".js")}
LANGUAGES = {
    name: dict(re.findall(r'^  "?([\w ]+)"?: "(.*)",$', SCRIPTS[f"words_{name}.js"], re.MULTILINE))
    for name in ("en", "ja", "de")
}


SETTINGS = {"generate.generator": "none"}


@pytest.fixture(scope="module")
def made(minilm_dir, tmp_path_factory):
    """Return a folder with two manuals and a knowledge base over them."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "pump.pdf").write_bytes(pdf(PUMP))
    (folder / "lamp.md").write_text(LAMP_2024)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAGEDGE_HOME", str(minilm_dir.parent.parent))
        with ragedge.open(folder / "kb", create=True, settings=SETTINGS) as kb:
            kb.ingest(folder / "pump.pdf", folder / "lamp.md")
    return folder


@pytest.fixture
def kb(made, home_with_embedder, tmp_path):
    shutil.copytree(made / "kb", tmp_path / "kb")
    with ragedge.open(tmp_path / "kb", settings=SETTINGS) as copy:
        yield copy


@pytest.fixture
def client(kb):
    with TestClient(create_app(kb), base_url="http://localhost") as client:
        yield client


def place_of(kb, source: str, page: int, quote: str) -> tuple[int, int]:
    start = kb.inspect(source, page=page)[0]["text"].index(quote)
    return start, start + len(quote)


def test_a_page_comes_with_where_the_quote_stands_on_its_picture(kb, client):
    start, end = place_of(kb, "pump.pdf", 1, "drain plug torque is 35 N·m.")
    page = client.get(
        "/ragedge/v1/pages", params={"source": "pump.pdf", "page": 1, "quote": f"{start}-{end}"}
    ).json()
    assert page["text"][start:end] == "drain plug torque is 35 N·m." and page["pages"] == 3
    [quote] = page["quotes"]
    [[left, top, right, bottom]] = quote["boxes"]
    drawn = client.get("/ragedge/v1/pages/picture", params={"source": "pump.pdf", "page": 1, "width": 840})
    picture = Image.open(io.BytesIO(drawn.content)).convert("L")
    assert picture.width == 840 and drawn.headers["cache-control"] == "no-store"
    inside = [int(left * 840), int(top * picture.height), int(right * 840), int(bottom * picture.height)]
    assert picture.crop(inside).getextrema()[0] < 80, "there is ink where the quote is said to stand"
    above = picture.crop((inside[0], inside[1] - 12, inside[2], inside[1] - 2))
    assert above.getextrema()[0] > 200, "and none right above it"


def test_of_a_file_without_pages_there_is_the_text(kb, client):
    start, end = place_of(kb, "lamp.md", 1, "5 W bulb")
    page = client.get("/ragedge/v1/pages", params={"source": "lamp.md", "quote": f"{start}-{end}"}).json()
    assert page["page"] is None and page["picture"] is None and page["picture_missing"]["code"] == "not_pdf"
    assert page["quotes"] == [{"start": start, "end": end, "boxes": []}]
    assert {block["kind"] for block in page["blocks"]} == {"heading", "paragraph"}
    refused = client.get("/ragedge/v1/pages/picture", params={"source": "lamp.md"})
    assert refused.status_code == 404


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_where_the_file_is_no_longer_what_was_read_there_is_the_text(made, client, change):
    file = made / "pump.pdf"
    before = file.read_bytes()
    file.write_bytes(pdf(PUMP[:1])) if change == "changed" else file.unlink()
    page = client.get("/ragedge/v1/pages", params={"source": "pump.pdf", "page": 2}).json()
    file.write_bytes(before)
    assert "4.5 litres" in page["text"] and page["picture_missing"]["code"] == "file_gone"


def test_an_uploaded_file_is_drawn_too(client):
    assert client.put("/ragedge/v1/documents/up.pdf", content=pdf(PUMP[:2])).status_code == 200
    assert client.get("/ragedge/v1/pages", params={"source": "up.pdf", "page": 2}).json()["picture"]


def test_where_personal_data_is_taken_out_no_picture_shows_it(home_with_embedder, tmp_path):
    (tmp_path / "m.pdf").write_bytes(pdf([("Service", ["Call Anna at anna@example.com about it."])]))
    with ragedge.open(
        tmp_path / "kb", create=True, settings={**SETTINGS, "privacy.redactors": ["patterns"]}
    ) as kb:
        kb.ingest(tmp_path / "m.pdf")
        with TestClient(create_app(kb), base_url="http://localhost") as client:
            page = client.get("/ragedge/v1/pages", params={"source": "m.pdf", "page": 1}).json()
            assert page["picture_missing"]["code"] == "redacted" and "anna@" not in page["text"]
            refused = client.get("/ragedge/v1/pages/picture", params={"source": "m.pdf", "page": 1})
            assert refused.status_code == 404
            file = (tmp_path / "m.pdf").read_bytes()
            assert client.put("/ragedge/v1/documents/up.pdf", content=file).status_code == 200
        kept = [path for path in (tmp_path / "kb").rglob("*") if path.is_file()]
        assert not [path for path in kept if file in path.read_bytes()], "an uploaded file would hold it"


def test_what_was_redacted_when_it_was_taken_in_is_not_drawn_by_a_server_without_redaction(
    home_with_embedder, tmp_path
):
    for name in ("m", "open"):
        (tmp_path / f"{name}.pdf").write_bytes(
            pdf([("Service", [f"Call Anna at {name}@example.com about it."])])
        )
    with ragedge.open(tmp_path / "kb", create=True, settings=SETTINGS) as kb:
        kb.ingest(tmp_path / "open.pdf")
    with ragedge.open(tmp_path / "kb", settings={**SETTINGS, "privacy.redactors": ["patterns"]}) as kb:
        kb.ingest(tmp_path / "m.pdf")
    with ragedge.open(tmp_path / "kb", settings=SETTINGS) as kb:
        assert {row["source"]: row["redacted"] for row in kb.status()["sources"]} == {
            "m.pdf": True,
            "open.pdf": False,
        }
        with pytest.raises(SourceError, match="redaction"):
            kb.original("m.pdf")
        with pytest.raises(SourceError, match="redaction"):
            kb.original("m.pdf", file=tmp_path / "m.pdf")
        with TestClient(create_app(kb), base_url="http://localhost") as client:
            page = client.get("/ragedge/v1/pages", params={"source": "m.pdf", "page": 1}).json()
            assert page["picture"] is None and page["picture_missing"]["code"] == "redacted"
            assert "[email]" in page["text"] and "redaction" in page["picture_missing"]["message"]
            assert (
                client.get("/ragedge/v1/pages/picture", params={"source": "m.pdf", "page": 1}).status_code
                == 404
            )
            assert client.get("/ragedge/v1/pages", params={"source": "open.pdf", "page": 1}).json()["picture"]
        kb.store.rename("m.pdf", "n.pdf")
        assert kb.store.document("n.pdf").redacted
        kb.ingest(tmp_path / "m.pdf")  # read again without redaction, it may be shown again
        assert not kb.store.document("m.pdf").redacted and kb.original("m.pdf")


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("pages", {"source": "none.pdf"}, 404),
        ("pages", {"source": "pump.pdf", "page": 9}, 404),
        ("pages", {}, 400),
        ("pages", {"source": "pump.pdf", "page": 0}, 400),
        ("pages", {"source": "pump.pdf", "page": 1, "quote": "0-99999"}, 400),
        ("pages", {"source": "pump.pdf", "page": 1, "quote": "5-5"}, 400),
        ("pages", {"source": "pump.pdf", "page": 1, "quote": "five"}, 400),
        ("pages", {"source": "pump.pdf", "page": 1, "other": "x"}, 400),
        ("pages/picture", {"source": "pump.pdf", "page": 9}, 404),
        ("pages/picture", {"source": "pump.pdf", "page": 1, "width": 9}, 400),
        ("pages/picture", {"source": "pump.pdf", "page": 1, "width": 99999}, 400),
    ],
)
def test_what_cannot_be_shown_is_refused(client, path, query, status):
    answer = client.get(f"/ragedge/v1/{path}", params=query)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_what_tuning_tried_is_told(kb, client):
    nothing = client.get("/ragedge/v1/tuning").json()
    assert nothing["result"] is None and nothing["trials"] == []
    trial = {
        "changes": {"retrieve.dense_weight": 2.0},
        "scores": [1.0, 0.5],
        "search_ms": 3.0,
        "bytes": 2_000_000,
    }
    kb.store.learned.add_trial("study", "one", trial)
    kb.store.learned.add_trial("result", "last", {"schema": 1, "trials": 1})
    told = client.get("/ragedge/v1/tuning").json()
    assert told["result"] == {"schema": 1, "trials": 1}
    changes = {"retrieve.dense_weight": 2.0}
    assert told["trials"] == [
        {"changes": changes, "ndcg@10": 0.75, "questions": 2, "search_ms": 3.0, "mb": 2.0}
    ]


def test_the_page_needs_no_key_and_what_it_shows_does(kb):
    with TestClient(create_app(kb, Access(key=KEY.encode())), base_url="http://localhost") as client:
        assert client.get("/", headers={"accept": "text/html"}).status_code == 200
        assert client.get(f"{PUBLIC}main.js").status_code == 200
        for path in ("pages?source=a", "pages/picture?source=a", "tuning", "documents"):
            assert client.get(f"/ragedge/v1/{path}").status_code == 401
        assert client.get(f"{PUBLIC}../../v1/documents").status_code in (401, 404)


class _Refers(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.refers: list[str] = []
        self.inline: list[str] = []
        self.said: list[str] = []
        self._script = False

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("src", "href") and not value.startswith("#"):
                self.refers.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(name)
            if name.startswith("data-say"):
                self.said.append(value)
        self._script = tag in ("script", "style")

    def handle_data(self, data):
        if self._script and data.strip():
            self.inline.append(data)


def test_the_page_holds_nothing_inline_and_refers_to_its_own_parts_alone(kb):
    with TestClient(create_app(kb), base_url="http://localhost") as client:
        answer = client.get("/", headers={"accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
        read = _Refers()
        read.feed(answer.text)
        assert read.refers and not read.inline
        for path in read.refers:
            part = client.get(path)
            assert part.status_code == 200 and part.headers["x-content-type-options"] == "nosniff"
            again = client.get(path, headers={"if-none-match": part.headers["etag"]})
            assert again.status_code == 304 and not again.content
        for text in SCRIPTS.values():
            for module in re.findall(r'from "\./([\w.]+)"', text):
                assert client.get(PUBLIC + module).status_code == 200
        assert client.get(f"{PUBLIC}none.js").status_code == 404
    outside = re.compile(r"https?://(?!www\.w3\.org/2000/svg)")
    for item in STATIC.iterdir():
        assert not outside.search(item.read_text("utf-8")), item.name
        assert "innerHTML" not in item.read_text("utf-8")


def test_every_language_says_everything(kb):
    for name, words in LANGUAGES.items():
        assert list(words) == list(LANGUAGES["en"]), f"the phrases of {name} differ"
        for key, phrase in words.items():
            assert set(re.findall(r"\{(\w+)\}", phrase)) == set(
                re.findall(r"\{(\w+)\}", LANGUAGES["en"][key])
            ), key
    read = _Refers()
    read.feed(STATIC.joinpath("index.html").read_text("utf-8"))
    code = "\n".join(text for name, text in SCRIPTS.items() if not name.startswith("words_"))
    said = set(read.said) | set(re.findall(r'\bsay\("([\w ]+)"', code))
    assert said <= set(LANGUAGES["en"])
    # Composed with what a document or the server names, or by which button was made.
    composed = re.compile("any_|missing_|upload_|warning$|caution$")
    idle = {key for key in LANGUAGES["en"] if f'"{key}"' not in code} - said
    assert not {key for key in idle if not composed.match(key)}


def test_the_parts_lie_in_the_package():
    assert {Path(item.name).suffix for item in STATIC.iterdir()} == {".css", ".html", ".js", ".svg"}
    assert json.loads(json.dumps(sorted(SCRIPTS)))

"""Personal data: found by form and check digit, taken out before anything is stored, and out of what is exported."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ragedge
from ragedge.errors import ConfigError
from ragedge.privacy.redaction.check_digits import is_card, is_iban, is_ip, is_vin
from ragedge.privacy.redaction.patterns import KINDS, PatternRedactor, create
from ragedge.privacy.redaction.replacing import Redaction
from ragedge.testing.redactor_contract import RedactorContract

_PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "redaction.py"
_SPEC = importlib.util.spec_from_file_location("benchmark_redaction", _PATH)
benchmark = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)

MANUAL = """# Pump P-7

Ask Mrs. Ada Byron, ada.byron@pumps.example, or call +49 30 901820 for spare parts.

The drain plug takes 35 N·m. The order goes to account DE89 3704 0044 0532 0130 00.
"""


class TestPatterns(RedactorContract):
    plugin = "patterns"

    def make_redactor(self):
        return PatternRedactor()


def found(text, *kinds):
    return [(data.kind, text[data.start : data.end]) for data in PatternRedactor(kinds or KINDS).find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail a.b+c@host.example.org.", [("email", "a.b+c@host.example.org")]),
        ("IBAN GB82 WEST 1234 5698 7654 32", [("iban", "GB82 WEST 1234 5698 7654 32")]),
        ("IBAN GB82WEST12345698765433", []),
        ("paid by 4111 1111 1111 1111", [("card", "4111 1111 1111 1111")]),
        ("part 4111111111111112", []),
        ("at 192.168.7.20 or fe80::1ff:fe23", [("ip", "192.168.7.20"), ("ip", "fe80::1ff:fe23")]),
        ("version 1.2.3.400, section 1.2.3", []),
        ("vehicle 1M8GDM9AXKP042788 left", [("vin", "1M8GDM9AXKP042788")]),
        ("module 1M8GDM9AXKP042789 left", []),
        ("Fahrgestellnummer WVWZZZ1JZXW000001", [("vin", "WVWZZZ1JZXW000001")]),
        ("Kennzeichen B-MW 1234", [("plate", "B-MW 1234")]),
        ("the fuse B-MW 1234", []),
        ("see the data plate, part A3046204", []),
        ("品川 300 あ 12-34", [("plate", "品川 300 あ 12-34")]),
        ("call (309) 782-0726", [("phone", "(309) 782-0726")]),
        ("+81 3-1234-5678", [("phone", "+81 3-1234-5678")]),
        ("NSN 2910-01-234-5678", []),
        ("torque 35 N·m, gap 0.012-0.016 in.", []),
        ("S/N 4711-0815A", [("serial", "4711-0815A")]),
        ("12 Harbour Street", [("address", "12 Harbour Street")]),
        ("Lindenstraße 12, 10969 Berlin", [("address", "Lindenstraße 12, 10969 Berlin")]),
        ("2 bolts on the drive", []),
        ("Dr. Ada Byron said", [("name", "Ada Byron")]),
        ("Name: Jane Roe", [("name", "Jane Roe")]),
        ("Ada Byron said", []),  # a name alone is not told from other words
    ],
)
def test_what_is_found(text, expected):
    assert found(text) == expected


def test_kinds_limit_what_is_looked_for():
    assert [kind for kind, _ in found(MANUAL, "iban")] == ["iban"]
    with pytest.raises(ConfigError, match="shoe size"):
        create({"kinds": ["shoe size"]})


def test_check_digits():
    assert is_card("378282246310005") and not is_card("378282246310006") and not is_card("9111111111111111")
    assert is_iban("DE89370400440532013000") and not is_iban("DE8937040044053201300")
    assert is_vin("11111111111111111") and is_ip("::1") and not is_ip("1.2.3")


def test_generated_vehicle_numbers_and_plates():
    figures = benchmark.scores(benchmark.generated(400, seed=3))
    assert min(figures[kind]["f1"] for kind in ("vin", "plate")) >= 0.95
    assert all(figures[kind]["marked"] >= 100 for kind in ("vin", "plate"))


@pytest.mark.data
def test_marked_sentences(data_dir):
    rows = [json.loads(line) for line in (data_dir / "pii" / "presidio.jsonl").read_text().splitlines()]
    marked = [
        (row["full_text"], [(benchmark.KINDS[s["entity_type"]], s["start_position"], s["end_position"])
                            for s in row["spans"] if s["entity_type"] in benchmark.KINDS])
        for row in rows[: len(rows) // 2]
    ]  # fmt: skip
    figures = benchmark.scores(marked)
    assert all(figures[kind]["f1"] >= 0.95 for kind in ("email", "iban", "card", "ip"))
    assert figures["name"]["recall"] < 0.5  # what docs/privacy.md says of names


def test_tokens_are_the_same_for_the_same_value_and_the_key():
    def tokens(key):
        redaction = Redaction([PatternRedactor()], key)
        return redaction.text("a@b.example and c@d.example and a@b.example").split(" and ")

    first, second, third = tokens(b"k" * 32)
    assert first == third != second
    assert tokens(b"k" * 32)[0] == first != tokens(b"m" * 32)[0]


@pytest.fixture
def manual(tmp_path):
    path = tmp_path / "manual.md"
    path.write_text(MANUAL)
    return path


def opened(path, **options):
    settings = {"generate.generator": "none", "privacy.redactors": ["patterns"]} | options.pop("settings", {})
    return ragedge.open(path, create=True, settings=settings, **options)


SECRETS = (b"byron@", b"Byron", b"901820", b"DE89 3704", b"pumps.example")


def test_nothing_of_it_is_stored_and_quotes_stand_where_they_say(tmp_path, manual, home_with_embedder):
    with opened(tmp_path / "kb") as kb:
        report = kb.ingest(manual)
        assert report.as_dict()["redacted"] == [
            {"source": "manual.md", "kinds": {"name": 1, "email": 1, "phone": 1, "iban": 1}}
        ]
        answer = kb.ask("What torque does the drain plug take?")
        page = kb.inspect("manual.md")[0]["text"]
        assert "[email]" in page and "[name]" in page
        for citation in answer.citations:
            assert page[citation.start : citation.end] == citation.quote
        for hit in kb.search("spare parts"):
            assert page[hit.start : hit.end] == hit.text
        assert kb.ingest(manual).unchanged == ["manual.md"]
    for path in (tmp_path / "kb").iterdir():
        assert not any(secret in path.read_bytes() for secret in SECRETS), path.name
    with opened(tmp_path / "kb", settings={"privacy.redact_kinds": ["iban"]}) as kb:
        assert kb.ingest(manual).updated == ["manual.md"]  # other settings read another text


def test_reversible_tokens_take_encryption_and_go_with_their_document(tmp_path, manual, home_with_embedder):
    settings = {"privacy.redact_reversibly": True}
    with (
        opened(tmp_path / "plain", settings=settings) as kb,
        pytest.raises(ConfigError, match="not encrypted"),
    ):
        kb.ingest(manual)
    with opened(tmp_path / "kb", settings=settings, key="three blue gaskets") as kb:
        kb.ingest(manual)
        page = kb.inspect("manual.md")[0]["text"]
        token = page[page.index("[email ") : page.index("]", page.index("[email ")) + 1]
        assert kb.store.redacted_values([token, "[email 0]"]) == {token: "ada.byron@pumps.example"}
        kb.remove("manual.md")
        assert kb.store.redacted_values([token]) == {}
    for path in (tmp_path / "kb").iterdir():
        assert not any(secret in path.read_bytes() for secret in SECRETS), path.name


def test_the_commands(tmp_path, manual, home_with_embedder):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "ragedge", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
        )

    done = run("redaction", "check", manual)
    assert done.returncode == 0 and "ada.byron@pumps.example" in done.stdout
    assert {row["kind"] for row in json.loads(run("redaction", "check", manual, "--json").stdout)["found"]} == {
        "name", "email", "phone", "iban"
    }  # fmt: skip
    kb = tmp_path / "kb"
    assert "redacted   manual.md: 1 email" in run(
        "ingest", manual, "--kb", kb, "--set", 'privacy.redactors=["patterns"]'
    ).stdout  # fmt: skip
    (kb / "ragedge.toml").write_text('[privacy]\nredactors = ["patterns"]\n')
    asked = "What did ada.byron@pumps.example order?"
    assert run("feedback", "add", asked, "--kb", kb, "--source", "manual.md", "--right").returncode == 0
    assert run("feedback", "export", tmp_path / "out.jsonl", "--kb", kb, "--yes").returncode == 0
    assert json.loads((tmp_path / "out.jsonl").read_text())["question"] == "What did [email] order?"

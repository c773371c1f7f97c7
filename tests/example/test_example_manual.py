"""The example manual: manual.pdf is what the sources render to, qa.jsonl says where its answers stand,
and one value reads the same wherever the manual gives it."""

import copy
import re
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "automotive_manual"
TYPES = {
    "spec", "procedure", "code", "part", "table", "safety", "yes/no", "comparison", "schedule", "general",
}  # fmt: skip


@pytest.fixture(scope="module")
def render():
    sys.path.insert(0, str(EXAMPLE))
    try:
        import render_manual

        yield render_manual
    finally:
        sys.path.remove(str(EXAMPLE))


@pytest.fixture(scope="module")
def fresh(render):
    return render.render(render.read_chapters())[0]


@pytest.fixture(scope="module")
def pdf():
    return (EXAMPLE / "manual.pdf").read_bytes()


@pytest.fixture(scope="module")
def texts(render, pdf):
    return render.page_texts(pdf)


@pytest.fixture(scope="module")
def questions(render):
    return render.read_questions()


@pytest.fixture(scope="module")
def markdown():
    return {p.name: p.read_text(encoding="utf-8") for p in sorted((EXAMPLE / "manual").glob("*.md"))}


# The rendering


def test_the_committed_pdf_is_what_the_sources_render_to(render, fresh, texts, pdf):
    assert render.page_texts(fresh) == texts
    assert render.page_labels(fresh) == render.page_labels(pdf)


def test_rendering_twice_gives_the_same_bytes(render, fresh):
    assert render.render(render.read_chapters())[0] == fresh


def test_the_manual_is_long_enough_and_small_enough_to_ship(texts, pdf):
    assert len(texts) >= 60
    assert len(pdf) < 1_000_000


def test_printed_labels_differ_from_positions_and_stand_on_their_pages(render, texts, pdf):
    labels = render.page_labels(pdf)
    assert labels[0] == "i"
    assert len(set(labels)) == len(labels)
    for label, text in list(zip(labels, texts, strict=True))[1:]:
        assert f" {label} " in f" {text} "


def test_it_holds_the_layouts_that_loaders_stumble_over(texts, pdf):
    from io import BytesIO

    from pypdf import PdfReader

    reader = PdfReader(BytesIO(pdf))
    assert [page.get("/Rotate") for page in reader.pages].count(90) == 1
    assert len(reader.outline) > 20
    assert sum("(continued)" in text for text in texts) >= 5
    assert sum("REVISION NOTE" in text for text in texts) >= 4


def test_a_block_that_is_not_of_the_subset_is_refused(render):
    from manual_markdown import read_chapter

    with pytest.raises(ValueError, match="not a notice"):
        read_chapter("---\nchapter: 1\ntitle: T\n---\n> **DANGER** no such notice\n")


# The questions


def test_the_questions_are_a_hundred_of_which_a_quarter_cannot_be_answered(questions):
    assert len(questions) == 100
    assert sum(not q["answerable"] for q in questions) == 25
    assert len({q["id"] for q in questions}) == len({q["question"] for q in questions}) == 100
    assert {q["type"] for q in questions} == TYPES


def test_every_fact_stands_on_the_pages_that_its_question_names(render, questions, texts):
    assert [f"{q['id']}: {fault}" for q in questions for fault in render.faults(q, texts)] == []


def test_answerable_questions_name_facts_pages_and_two_pages_with_a_wrong_value(questions):
    for question in questions:
        wrong = {page for d in question["distractors"] for page in d["pages"]}
        if question["answerable"]:
            assert question["facts"] and question["pages"] and question["answer"], question["id"]
            assert len(wrong) >= 2, question["id"]
        else:
            assert not (question["facts"] or question["pages"] or question["answer"]), question["id"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"pages": [1]}, "pages are"),
        ({"facts": ["9,999 N·m"]}, "fact stands on none"),
        ({"evidence": "9,999 N·m"}, "evidence stands on no page"),
        ({"distractors": [{"text": "9,999 N·m", "pages": []}]}, "distractor stands on no other page"),
    ],
)
def test_the_check_sees_a_wrong_question(render, questions, texts, change, fault):
    broken = copy.deepcopy(questions[0]) | change
    assert any(fault in found for found in render.faults(broken, texts))


# The manual agrees with itself


def torque_items(markdown):
    rows = re.findall(
        r"^\| ([A-Z]-\d\d) \|.*?\| (\d+) \| (\d+) \|[^|]*\|$", markdown["04-torque.md"], re.MULTILINE
    )
    return {item: (int(metric), int(customary)) for item, metric, customary in rows}


def test_torques_in_procedures_are_those_of_the_tables(markdown):
    items, used = torque_items(markdown), 0
    assert len(items) > 80
    for name, text in markdown.items():
        for metric, customary, item in re.findall(r"(\d+) N·m \((\d+) lb-ft\), item ([A-Z]-\d\d)", text):
            assert items[item] == (int(metric), int(customary)), f"{name}: {item}"
            used += 1
    assert used > 50


def test_every_conversion_is_right_to_its_last_digit(markdown):
    factors = {
        ("N·m", "lb-ft"): 0.73756,
        ("kPa", "psi"): 0.145038,
        ("kg", "lb"): 2.20462,
        ("L", "qt"): 1.05669,
    }
    text = "\n".join(markdown.values())
    for (metric, customary), factor in factors.items():
        pairs = re.findall(rf"([\d,.]+) {metric} \(([\d,.]+) {customary}\)", text)
        assert len(pairs) > 10, metric
        for value, printed in pairs:
            exact, decimals = float(value.replace(",", "")) * factor, len(printed.partition(".")[2])
            assert abs(exact - float(printed.replace(",", ""))) <= 0.51 * 10**-decimals, (
                value,
                metric,
                printed,
            )
    for celsius, fahrenheit in re.findall(r"(-?\d+) °C \((-?\d+) °F\)", text):
        assert abs(int(celsius) * 9 / 5 + 32 - int(fahrenheit)) <= 0.51, celsius
    for metric, customary in torque_items(markdown).values():
        assert round(metric * 0.73756) == customary, metric


def test_fuses_are_named_with_the_rating_of_their_table(markdown):
    rows = re.findall(r"^\| (F[EIB]\d+) \| ([\d.]+) \|", markdown["15-fuses.md"], re.MULTILINE)
    used = 0
    for name, text in markdown.items():
        for fuse, rating in re.findall(r"(F[EIB]\d+) \(([\d.]+) A\)", text):
            assert (fuse, rating) in rows, f"{name}: {fuse}"
            used += 1
    assert used > 15


def test_codes_parts_sections_tables_and_figures_that_are_mentioned_exist(markdown):
    text = "\n".join(markdown.values())
    codes = set(re.findall(r"^\| ([PCBU]\d[0-9A-F]{3})", markdown["18-fault-codes.md"], re.MULTILINE))
    assert set(re.findall(r"\b[PCBU]\d[0-9A-F]{3}\b", text)) - codes == {"P0304"}  # the end of a range
    parts = set(re.findall(r"\| (QS-[\dG]\d\d-\d{4}) \|", markdown["06-fluids-parts.md"]))
    assert set(re.findall(r"QS-[\dG]\d\d-\d{4}", text)) <= parts
    sections = set(re.findall(r"^## (\d+\.\d+) ", text, re.MULTILINE))
    assert set(re.findall(r"(?:section |\{page:)(\d+\.\d+)", text)) <= sections
    tables = set(re.findall(r"^Table (\d+-\d+)\. ", text, re.MULTILINE))
    assert set(re.findall(r"[Tt]able (\d+-\d+)", text)) <= tables
    figures = set(re.findall(r"!\[Figure (\d+-\d+)\. ", text))
    assert set(re.findall(r"[Ff]igure (\d+-\d+)", text)) <= figures


def test_every_chapter_says_whom_it_applies_to_and_uses_only_printable_characters(markdown):
    for name, text in markdown.items():
        text.encode("cp1252")
        if name[:2] not in ("00", "21", "22"):
            assert all(
                f"\n{key}: " in text for key in ("chapter", "title", "applies_to", "model_years", "markets")
            )


# The script


def test_the_script_answers_with_the_page(home_with_models, monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    import ask_the_manual

    question = "Which fuse protects the fuel pump?"
    monkeypatch.setattr("sys.argv", ["ask_the_manual.py", "--kb", str(tmp_path / "kb"), question])
    assert ask_the_manual.main() == 0
    printed = capsys.readouterr().out
    assert "FE13" in printed
    assert "(printed 15-2)" in printed


def test_the_script_fails_with_one_line_where_no_model_is_installed(monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    import ask_the_manual

    monkeypatch.setattr("sys.argv", ["ask_the_manual.py", "--kb", str(tmp_path / "kb")])
    assert ask_the_manual.main() == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ragedge models pull" in captured.err


@pytest.mark.usefixtures("home_with_embedder")
@pytest.mark.timeout(600)
def test_the_tuning_walk_through_mends_what_it_spoilt(render, tmp_path, monkeypatch, capsys):
    import tune_the_manual

    from ragedge import open as open_kb

    work, plot = tmp_path / "kb", tmp_path / "tuned.png"
    monkeypatch.setattr("sys.argv", ["tune", "--work", str(work), "--plot", str(plot), "--trials", "3"])
    tune_the_manual.main()
    assert "page_hit@1: +" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")
    with open_kb(work) as kb:
        assert kb.store.learned.values("tuned")["retrieve.text_weight"] > 0

"""What a reader does with the page, done in a real browser against a real server with the default models."""

from __future__ import annotations

import json
import re

import httpx
import pytest
from page_server import KEY, PUMP, pdf, serving
from playwright.sync_api import expect
from reader import Visit

pytestmark = pytest.mark.slow

PHONE = {"width": 390, "height": 844}
DRAIN = "How do I drain the oil?"
TORQUE = "What is the torque of the drain plug?"
ELSEWHERE = "Which radio stations can the moon buggy receive?"


def ask(page, question: str):
    page.fill("#question", question)
    page.press("#question", "Enter")
    answer = page.locator(".answer").first
    expect(answer.locator("h2")).to_have_text(question)
    expect(answer.locator("[aria-busy=false]")).to_be_visible(timeout=60_000)
    return answer


def verdicts(address: str) -> list[dict]:
    return httpx.get(f"{address}/ragedge/v1/feedback").json()["feedback"]


def test_an_answer_shows_the_page_with_the_quote_marked(visit):
    page = visit.open()
    answer = ask(page, TORQUE)
    expect(answer.locator(".said")).to_contain_text("35 N·m")
    expect(page.locator("#sheet h2")).to_have_text("pump.pdf")
    image = page.locator(".leaf img")
    expect(image).to_be_visible()
    mark, leaf = page.locator(".marks rect").first.bounding_box(), page.locator(".leaf").bounding_box()
    assert mark and leaf
    # “The drain plug torque is …” stands at 500 of 595 points, 40 from the left edge of 420.
    assert (mark["x"] - leaf["x"]) / leaf["width"] == pytest.approx(40 / 420, abs=0.02)
    middle = mark["y"] + mark["height"] / 2 - leaf["y"]
    assert middle / leaf["height"] == pytest.approx(1 - 503 / 595, abs=0.02)
    page.click("[data-tool=text]")
    expect(page.locator("#sheet mark").first).to_contain_text("35 N·m")
    answer.locator(".cite").first.click()
    ask(page, DRAIN)
    expect(page.locator("#sheet .name")).to_contain_text("Page 3 of 3")


def test_sentences_stand_as_they_came_and_what_is_dangerous_comes_first(visit):
    page = visit.open()
    page.evaluate(
        """() => {
          window.came = [];
          new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => {
            if (node.nodeType === 1 && node.matches(".safety, .block, .sentence")) window.came.push(node.className);
          }))).observe(document.querySelector("#answers"), { childList: true, subtree: true });
        }"""
    )
    answer = ask(page, DRAIN)
    safety = answer.locator(".safety.warning")
    expect(safety).to_contain_text("Hot oil burns the skin")
    expect(safety.locator("h3")).to_contain_text("Warning")
    came = page.evaluate("window.came")
    assert came[0] == "safety warning", "before the first step, not after the last"
    box, said = safety.bounding_box(), answer.locator(".said").bounding_box()
    assert box["y"] + box["height"] <= said["y"]
    sentences = answer.locator(".sentence").all_inner_texts()
    assert any("Remove the drain plug" in sentence for sentence in sentences)
    assert answer.locator("[aria-live=polite]").count() == 1


def test_what_the_manual_does_not_say_leads_to_the_nearest_pages(visit, address):
    page = visit.open()
    answer = ask(page, ELSEWHERE)
    expect(answer.locator(".absent")).to_contain_text("Not in the manual")
    assert answer.locator(".sentence").count() == 0
    expect(page.locator("#sheet")).to_be_hidden()
    near = answer.locator(".source")
    assert 1 <= near.count() <= 4
    near.first.locator(".place").click()
    expect(page.locator("#sheet h2")).to_be_visible()
    near.first.get_by_role("button", name="This page answers it").click()
    expect(near.first.locator(".given")).to_have_text("Noted: the right page. Thank you.")
    [given] = [one for one in verdicts(address) if one["question"] == ELSEWHERE]
    assert given["right"]


def test_a_verdict_on_a_page_is_kept_and_can_be_taken_back(visit, address):
    page = visit.open()
    source = ask(page, TORQUE).locator(".source").first
    source.get_by_role("button", name="Wrong page").click()
    expect(source.locator(".given")).to_contain_text("wrong page")
    [given] = [one for one in verdicts(address) if one["question"] == TORQUE]
    assert (given["source"], given["page"], given["right"]) == ("pump.pdf", 1, False)
    source.get_by_role("button", name="Undo").click()
    expect(source.get_by_role("button", name="Wrong page")).to_be_visible()
    assert not [one for one in verdicts(address) if one["question"] == TORQUE]
    source.get_by_role("button", name="Yes, this page answers it").click()
    expect(source.locator(".given")).to_contain_text("right page")
    [given] = [one for one in verdicts(address) if one["question"] == TORQUE]
    assert given["right"]


@pytest.mark.parametrize(("field", "value", "watts"), [("model", "L1", "21 W"), ("year", "2024", "5 W")])
def test_a_filter_keeps_the_answer_to_its_model_or_year(visit, field, value, watts):
    page = visit.open()
    page.select_option(f"#filter-{field}", label=value)
    answer = ask(page, "How many watts has the bulb of the lamp?")
    expect(answer.locator(".said")).to_contain_text(watts)
    other = {"21 W": "5 W", "5 W": "21 W"}[watts]
    assert not re.search(rf"\b{other}", answer.locator(".said").inner_text())
    assert page.locator("#sheet mark").first.inner_text().find(watts) >= 0, "of Markdown the text is shown"


def test_a_manual_is_dropped_taken_in_asked_shown_and_removed(visit, address):
    page = visit.open("documents")
    page.fill("#meta-model", "V9")
    data = pdf([("Valve", ["The valve opens at 87 bar."])])
    page.evaluate(
        """(bytes) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "valve.pdf", { type: "application/pdf" }));
          const bar = [];
          window.stages = bar;
          new MutationObserver(() => {
            const row = document.querySelector("#uploads li");
            if (row) bar.push([row.querySelector(".small").dataset.say, row.querySelector("progress").value]);
          }).observe(document.querySelector("#uploads"), { childList: true, subtree: true, attributes: true });
          for (const kind of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector("#drop").dispatchEvent(event);
          }
        }""",
        list(data),
    )
    expect(page.locator("#uploads li")).to_contain_text("Taken in", timeout=60_000)
    stages = [stage for stage, _ in page.evaluate("window.stages")]
    seen = list(dict.fromkeys(stages))
    # Events that come within the same 50 ms are shown as the last of them: which ones is the browser's choice.
    assert seen[0] == "upload_queued" and seen[-1] == "upload_done" and len(seen) > 2
    row = page.locator(".documents tr", has_text="valve.pdf")
    expect(row).to_contain_text("V9")
    page.click("nav [data-view=ask]")
    expect(page.locator("#filter-model")).to_contain_text("V9")
    answer = ask(page, "At how many bar does the valve open?")
    expect(answer.locator(".said")).to_contain_text("87 bar")
    expect(page.locator(".leaf img")).to_be_visible()
    page.click("nav [data-view=documents]")
    row.get_by_role("button", name="Remove").click()
    page.keyboard.press("Escape")
    expect(row).to_be_visible()
    row.get_by_role("button", name="Remove").click()
    page.locator("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    left = httpx.get(f"{address}/ragedge/v1/documents").json()["documents"]
    assert "valve.pdf" not in [one["source"] for one in left]


def test_a_file_that_cannot_be_read_is_named_with_the_reason(visit):
    page = visit.open("documents")
    page.set_input_files(
        "#files", {"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 no more"}
    )
    expect(page.locator("#uploads li.failed")).to_contain_text("Not taken in", timeout=60_000)
    assert page.locator(".documents tr", has_text="broken.pdf").count() == 0


def test_everything_can_be_done_from_the_keyboard(visit):
    page = visit.open("documents")
    page.locator(".skip").focus()
    assert page.locator(".skip").bounding_box()["y"] >= 0, "seen once it has the focus"
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#documents-title")).to_be_visible()
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type(TORQUE)
    page.keyboard.press("Shift+Enter")
    assert page.locator(".answer").count() == 0
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    expect(page.locator(".answer [aria-busy=false]")).to_be_visible(timeout=60_000)
    expect(page.locator(".leaf img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#sheet")).to_be_hidden()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "cite":
            break
    page.keyboard.press("Enter")
    expect(page.locator(".leaf img")).to_be_visible()
    wide = page.locator(".leaf").bounding_box()["width"]
    page.locator("[data-tool=plus]").focus()
    page.keyboard.press("Enter")
    assert page.locator(".leaf").bounding_box()["width"] > 1.4 * wide
    expect(page.locator("[data-tool=plus]")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".cite:focus"), "back to where it was opened from").to_be_visible()


def test_the_page_speaks_three_languages_and_keeps_an_answer(visit):
    page = visit.open(locale="ja-JP")
    assert page.evaluate("document.documentElement.lang") == "ja"
    expect(page.locator("#send")).to_have_text("質問する")
    page.locator("#question").fill("トルク")
    page.locator("#question").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    assert page.locator(".answer").count() == 0, "the Enter that ends a conversion asks nothing"
    answer = ask(page, TORQUE)
    expect(answer.locator(".origin").first).to_have_text("説明書からの引用")
    page.select_option("#language", "de")
    expect(answer.locator(".origin").first).to_have_text("Wörtlich aus dem Handbuch")
    expect(page.locator("nav [data-view=documents]")).to_have_text("Dokumente")
    expect(answer.locator(".said")).to_contain_text("35 N·m")
    page.reload()
    expect(page.locator("h1").first).to_have_text("Frag das Handbuch")


def test_on_a_phone_the_page_lies_over_the_answer_and_goes_away(visit):
    page = visit.open(viewport=PHONE, has_touch=True, is_mobile=True)
    answer = ask(page, DRAIN)
    expect(page.locator("#sheet")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    answer.locator(".cite").first.tap()
    expect(page.locator(".leaf img")).to_be_visible()
    assert page.evaluate("document.querySelector('main').inert")
    box = page.locator("#sheet").bounding_box()
    assert (box["width"], box["height"]) == pytest.approx((PHONE["width"], PHONE["height"]), abs=0.5)
    page.get_by_role("button", name="Next page").or_(
        page.get_by_role("button", name="Previous page")
    ).first.tap()
    page.get_by_role("button", name="Close").tap()
    expect(page.locator("#sheet")).to_be_hidden()
    assert not page.evaluate("document.querySelector('main').inert")
    expect(page.locator(".cite:focus")).to_be_visible()
    for view in ("documents", "results"):
        page.goto(f"{visit.address}/#{view}")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_dark_follows_the_device_and_light_can_be_chosen(visit):
    page = visit.open(color_scheme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 24, 26)"
    page.select_option("#theme", "light")
    assert page.evaluate(ground) == "rgb(246, 245, 241)"
    page.reload()
    assert page.evaluate(ground) == "rgb(246, 245, 241)"


def test_tuning_and_a_result_file_are_drawn_with_their_numbers(visit):
    page = visit.open("results")
    expect(page.locator("#tuning .chip")).to_have_text("Applied")
    dots = page.locator("#tuning svg circle")
    assert dots.count() == 1 + 3
    best, now = page.locator("circle.dot.best").last, page.locator("circle.dot.now")
    assert best.bounding_box()["y"] < now.bounding_box()["y"], "better stands higher"
    page.locator("#tuning summary").click()
    expect(page.locator("#tuning details")).to_contain_text("retrieve.dense_weight = 2")
    result = {
        "dataset": "mine", "queries": 25,
        "metrics": {"hit@1": {"value": 0.8, "low": 0.6, "high": 0.91, "of": 25, "hits": 20}},
    }  # fmt: skip
    row = {
        "context": 2048,
        "prompt_tokens": 256,
        "ttft_ms": {"p50": 210.0, "p95": 260.0},
        "decode_tok_s": 88.0,
    }
    bench = {"model": "smollm2-135m", "machine": {"processor": "a board"}, "rows": [{**row, "rss_mb": 300.0}]}
    for content, shown in ((result, "mine: 25 questions"), (bench, "smollm2-135m · a board")):
        file = {"name": "result.json", "mimeType": "application/json", "buffer": json.dumps(content).encode()}
        page.set_input_files("#result-file", file)
        expect(page.locator("#evaluation h3")).to_have_text(shown)
        assert page.locator("#evaluation svg circle").count() >= 1
    page.set_input_files(
        "#result-file", {"name": "x.json", "mimeType": "application/json", "buffer": b"[1, 2"}
    )
    expect(page.locator("#evaluation")).to_have_text("This is not a result of ragedge.")


def test_a_conversation_goes_on_and_is_forgotten(visit, address):
    page = visit.open()
    ask(page, TORQUE)
    answer = ask(page, "And of the cover bolt?")
    expect(answer.locator(".said")).to_contain_text("12 N·m")
    sessions = f"{address}/ragedge/v1/sessions"
    mine = [name for name in httpx.get(sessions).json()["sessions"] if name.startswith("page-")]
    assert mine
    page.click("#fresh")
    expect(page.locator("#notice")).to_have_text("The conversation was forgotten.")
    expect(page.locator(".answer")).to_have_count(0)
    assert len([name for name in httpx.get(sessions).json()["sessions"] if name.startswith("page-")]) < len(
        mine
    )


def test_an_answer_can_be_stopped_and_the_next_one_asked(visit):
    page = visit.open()
    held = []
    page.route("**/ask", lambda route: held.append(route))  # as while another's answer is being written
    page.fill("#question", DRAIN)
    page.press("#question", "Enter")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".answer")).to_contain_text("Stopped.")
    expect(page.locator("#send")).to_be_visible()
    assert len(held) == 1
    page.unroute("**/ask")
    expect(ask(page, TORQUE).locator(".said")).to_contain_text("35 N·m")


def test_a_server_with_a_key_asks_for_it(browser, kb_path, shared_home, tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    with serving(kb_path, shared_home, "--api-key-file", str(file)) as address:
        visitor = Visit(browser, address)
        page = visitor.open(wait=False)
        dialog = page.locator("dialog")
        page.fill("#key", "not the key")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog).to_contain_text("That is not the key.")
        page.fill("#key", KEY)
        dialog.get_by_role("button", name="Continue").click()
        answer = ask(page, TORQUE)
        expect(answer.locator(".said")).to_contain_text("35 N·m")
        expect(page.locator(".leaf img")).to_be_visible()
        assert page.evaluate("localStorage.length") == 0 or KEY not in page.evaluate(
            "JSON.stringify(localStorage)"
        )
        visitor.close()
        assert visitor.hosts - {""} == {address.removeprefix("http://")}


def test_a_device_that_goes_away_is_told_and_comes_back(browser, kb_path, shared_home):
    with serving(kb_path, shared_home) as address:
        visitor = Visit(browser, address)
        page = visitor.open()
    page.fill("#question", TORQUE)
    page.press("#question", "Enter")
    expect(page.locator(".answer .notice")).to_contain_text("The device does not answer.")
    expect(page.locator("#send")).to_be_visible()
    visitor.close()


def test_the_pdf_of_the_tests_is_what_they_say(tmp_path):
    from pypdf import PdfReader

    (tmp_path / "m.pdf").write_bytes(pdf(PUMP))
    assert "35 N·m" in PdfReader(tmp_path / "m.pdf").pages[0].extract_text()

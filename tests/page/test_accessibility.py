"""axe-core's rules on every state of the page: nothing serious, in light and dark, wide and narrow."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect
from test_journeys import DRAIN, ELSEWHERE, PHONE, TORQUE, ask

pytestmark = pytest.mark.slow

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


def check(page) -> None:
    page.wait_for_timeout(400)  # a card that is still settling is pale
    found = Axe().run(page, options=RULES).response["violations"]
    assert [(one["id"], one["impact"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []


def test_the_rules_do_object(visit):
    page = visit.open()
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    with pytest.raises(AssertionError, match="image-alt"):
        check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_answer_beside_its_page(visit, scheme):
    page = visit.open(color_scheme=scheme)
    check(page)
    ask(page, DRAIN)
    expect(page.locator(".leaf img")).to_be_visible()
    check(page)
    page.click("[data-tool=text]")
    check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_not_in_the_manual(visit, scheme):
    page = visit.open(color_scheme=scheme)
    answer = ask(page, ELSEWHERE)
    answer.locator(".verdict").first.click()
    expect(answer.locator(".given")).to_be_visible()
    check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_documents_and_the_dialog(visit, scheme):
    page = visit.open("documents", color_scheme=scheme)
    expect(page.locator(".documents")).to_be_visible()
    page.set_input_files("#files", {"name": "n.txt", "mimeType": "text/plain", "buffer": b"\x00\x01\x02"})
    expect(page.locator("#uploads li.failed")).to_be_visible(timeout=60_000)
    check(page)
    page.get_by_role("button", name="Remove").first.click()
    check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_results(visit, scheme):
    page = visit.open("results", color_scheme=scheme)
    expect(page.locator("#tuning svg").first).to_be_visible()
    page.locator("#tuning summary").click()
    check(page)


@pytest.mark.parametrize("locale", ["en-US", "ja-JP", "de-DE"])
def test_on_a_phone(visit, locale):
    page = visit.open(viewport=PHONE, locale=locale)
    answer = ask(page, TORQUE)
    check(page)
    answer.locator(".cite").first.click()
    expect(page.locator(".leaf img")).to_be_visible()
    check(page)

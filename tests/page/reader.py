"""Somebody who opens the page in a browser, and is watched."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import expect


class Visit:
    """Opens pages as one reader, and watches what they do.

    Attributes:
        hosts: Every host that was asked for anything.
        complaints: What the browser objected to: errors, and breaches of the content security policy.
    """

    def __init__(self, browser, address: str) -> None:
        self.browser, self.address = browser, address
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        self._contexts: list = []

    def open(self, view: str = "", *, address: str = "", wait: bool = True, **options):
        context = self.browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "locale": "en-US", **options}
        )
        self._contexts.append(context)
        context.on("request", lambda request: self.hosts.add(_host(request.url)))
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: self.complaints.append(message.text) if message.type == "error" else None,
        )
        page.goto((address or self.address) + "/" + (f"#{view}" if view else ""))
        if wait:
            expect(
                page.locator(".view:visible").locator("#holdings, .documents, #tuning .card")
            ).not_to_be_empty()
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()


def _host(url: str) -> str:
    parts = urlsplit(url)
    return "" if parts.scheme in ("blob", "data") else parts.netloc

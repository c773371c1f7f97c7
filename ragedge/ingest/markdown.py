"""Reads Markdown: front matter, headings, lists, tables, code, quotes, notices.

A line-based reader of what CommonMark and GitHub tables have in common. A full parser would give a tree
of inline marks that is thrown away here: only blocks and their words are wanted.
"""

from __future__ import annotations

import html
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from ragedge.datatypes import BlockKind, Document, MetadataValue
from ragedge.errors import SourceError
from ragedge.ingest import detect
from ragedge.ingest.clean import clean
from ragedge.ingest.options import no_options
from ragedge.ingest.page_builder import PageBuilder
from ragedge.ingest.safety import is_bare_notice_word, notice_kind
from ragedge.ingest.table_text import render_table
from ragedge.ingest.text_encoding import decode_text
from ragedge.ingest.wrapped_lines import join

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(=+|-+)\s*$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_RULE = re.compile(r"^ {0,3}([-*_])(?:\s*\1){2,}\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+")
_DELIMITER = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_ADMONITION = re.compile(r"^\s*(?:\[!(\w+)\]|!!!\s+(\w+)|:::\s*\{?(\w+)\}?)\s*", re.I)
_INLINE = (
    (re.compile(r"<!--.*?-->", re.S), ""),
    (re.compile(r"!\[([^\[\]]*)\]\([^)\s]*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]"), r"\1"),
    (re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w_])(_{1,3})(?=\S)([^_\n]+?)(?<=\S)\1(?![\w_])"), r"\2"),
    (re.compile(r"(`+)([^`\n]+)\1"), r"\2"),
    (re.compile(r"<(https?://[^>\s]+)>"), r"\1"),
    (
        re.compile(r"</?(?:br|b|i|u|em|strong|sub|sup|span|font|div|p|center|a|img|kbd|small)\b[^>]*>", re.I),
        "",
    ),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])"), r"\1"),
)


def create(options: Mapping[str, Any]) -> MarkdownLoader:
    """Build the loader; it has no options."""
    no_options("loader", "markdown", options)
    return MarkdownLoader()


class MarkdownLoader:
    """Reads ``text/markdown``; the whole file is one page without a number."""

    @property
    def media_types(self) -> Sequence[str]:
        """What it reads."""
        return (detect.MARKDOWN,)

    def load(self, data: bytes, source: str, /) -> Document:
        """Read a file's bytes.

        Raises:
            SourceError: no text is in it.
        """
        text = clean(decode_text(data))
        metadata, body = _front_matter(text.split("\n"))
        builder = PageBuilder()
        title = _read(body, builder)
        if not len(builder):
            raise SourceError("no_text", f"{source} holds no text")
        return Document(
            source, detect.MARKDOWN, (builder.build(None),), str(metadata.get("title", title)), metadata
        )


def _front_matter(lines: list[str]) -> tuple[dict[str, MetadataValue], list[str]]:
    """Split YAML-like (``---``) or TOML (``+++``) front matter off; only scalar values are kept."""
    fence = lines[0].strip() if lines else ""
    if fence not in ("---", "+++"):
        return {}, lines
    ends = [i for i, line in enumerate(lines[1:200], 1) if line.strip() == fence]
    if not ends:
        return {}, lines
    head, body = lines[1 : ends[0]], lines[ends[0] + 1 :]
    if fence == "+++":
        try:
            values: dict[str, Any] = tomllib.loads("\n".join(head))
        except tomllib.TOMLDecodeError:
            return {}, lines
        return {k: v for k, v in values.items() if isinstance(v, str | int | float | bool)}, body
    pairs = [line.split(":", 1) for line in head if ":" in line and line[:1] not in (" ", "\t", "#", "-")]
    if not pairs and any(line.strip() for line in head):
        return {}, lines
    return {key.strip(): _scalar(value) for key, value in pairs if value.strip()}, body


def _scalar(text: str) -> MetadataValue:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def plain(text: str) -> str:
    """Take the marks of emphasis, links, images and code out of a run of Markdown."""
    for pattern, replacement in _INLINE:
        text = pattern.sub(replacement, text)
    return html.unescape(text)


def _read(lines: list[str], builder: PageBuilder) -> str:
    """Add the blocks of a body to the builder; returns its first top-level heading."""
    title, at = "", 0
    while at < len(lines):
        line = lines[at]
        heading, fence = _HEADING.match(line), _FENCE.match(line)
        if not line.strip() or _RULE.match(line):
            at += 1
        elif fence:
            end = next(
                (i for i in range(at + 1, len(lines)) if lines[i].strip().startswith(fence[1])), len(lines)
            )
            builder.add("code", "\n".join(lines[at + 1 : end]))
            at = end + 1
        elif heading:
            title = title or plain(heading[2])
            builder.add("heading", plain(heading[2]), level=len(heading[1]))
            at += 1
        elif "|" in line and at + 1 < len(lines) and "-" in lines[at + 1] and _DELIMITER.match(lines[at + 1]):
            at = _table(lines, at, builder)
        else:
            end = at + 1
            while end < len(lines) and _continues(lines, end, bare=is_bare_notice_word(plain(line))):
                end += 1
            if end - at > 1 and _UNDERLINE.match(lines[end - 1]) and not _ITEM.match(lines[end - 1]):
                level = 1 if "=" in lines[end - 1] else 2
                title = title or plain(lines[at])
                builder.add("heading", plain(" ".join(lines[at : end - 1])), level=level)
            else:
                _paragraph(lines[at:end], builder)
            at = end
    return title


def _continues(lines: list[str], at: int, *, bare: bool) -> bool:
    """Whether a line goes on with the paragraph, list or notice before it."""
    line = lines[at]
    if _HEADING.match(line) or _FENCE.match(line):
        return False
    if not line.strip():  # a bare signal word takes the paragraph after it; list items may be apart
        after = lines[at + 1] if at + 1 < len(lines) else ""
        item = _ITEM.match(after) and _ITEM.match(lines[at - 1])
        return bool(
            bare and at + 1 < len(lines) and after.strip() and is_bare_notice_word(plain(lines[at - 1]))
        ) or bool(item)
    starts_table = (
        "|" in line and at + 1 < len(lines) and "-" in lines[at + 1] and _DELIMITER.match(lines[at + 1])
    )
    return not starts_table and not (_RULE.match(line) and not _UNDERLINE.match(line))


def _paragraph(lines: list[str], builder: PageBuilder) -> None:
    lines = [re.sub(r"^\s*(?:>\s?)+", "", line) for line in lines]
    kind: BlockKind = "paragraph"
    named = _ADMONITION.match(lines[0])
    if named:
        word = next(group for group in named.groups() if group)
        kind = notice_kind(word.upper()) or "note"
        lines[0] = f"{word.upper()} {lines[0][named.end() :]}".rstrip()
    elif _ITEM.match(lines[0]):
        kind = "list"
    texts = [plain(line).rstrip() for line in lines if line.strip() and line.strip() != ":::"]
    if texts:
        builder.add(notice_kind(texts[0]) or kind, "\n".join(_unwrapped(texts, lines)))


def _unwrapped(texts: list[str], lines: list[str]) -> list[str]:
    """Join lines that were only wrapped; two spaces or a backslash at the end keep a line apart."""
    joined: list[str] = []
    hard = True
    for text, line in zip(
        texts, (line for line in lines if line.strip() and line.strip() != ":::"), strict=True
    ):
        if hard or _ITEM.match(line) or is_bare_notice_word(joined[-1]):
            joined.append(text)
        else:
            joined[-1] = join(joined[-1].removesuffix(chr(92)), text)
        hard = line.endswith(("  ", "\\"))
    return joined


def _table(lines: list[str], at: int, builder: PageBuilder) -> int:
    end = at + 2
    while end < len(lines) and "|" in lines[end] and lines[end].strip():
        end += 1
    rows = [_cells(lines[i]) for i in range(at, end) if i != at + 1]
    builder.add("table", render_table(rows), header_rows=1 if any(rows[0]) else 0)
    return end


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [plain(cell).strip() for cell in re.split(r"(?<!\\)\|", inner)]

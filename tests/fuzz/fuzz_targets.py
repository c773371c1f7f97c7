# ruff: noqa: E501 -- a pattern is read on its line, not over two
"""Every parser of foreign bytes as a function of bytes, seeds for each, and a mutator that knows their containers."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).resolve().parent / "corpus"
for _folder in ("tests/tools", "tests/ingest"):
    if str(ROOT / _folder) not in sys.path:
        sys.path.insert(0, str(ROOT / _folder))

_INTERESTING = (b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"-1", b"99999999999999999999",
                b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n\n", b"../", b"\x1b[31m", b"%s", b"&a;", b"<![CDATA[", b"]]>")  # fmt: skip
_WORDS = {
    "pdf": (b"obj", b"endobj", b"stream\n", b"/Kids", b"/Parent 1 0 R", b"/Length 99", b"BT", b"ET", b"Tj", b"/Filter", b"<<", b">>",
            b"/FlateDecode", b"/ASCII85Decode", b"/Rotate 90", b"1 0 R", b"2 0 R", b"q", b"Q", b"cm", b"Do", b"/W [", b"xref"),
    "docx": (b'<w:footnoteReference w:id="2"/>', b"<w:p>", b"</w:p>", b"<w:tbl>", b"<w:tr>", b"<w:tc>", b'w:val="99999999"', b'<w:gridSpan w:val="9"/>', b"<w:vMerge/>"),
    "epub": (b"<itemref idref='b'/>", b"href='../../x'", b"<table>", b"<tr>", b"<td colspan='99'>", b"</td>"),
    "html": (b"<table>", b"<tr>", b"<td rowspan=999 colspan=999>", b"</table>", b"<li>", b"<!--", b"<script>", b"<pre>", b"&#x110000;"),
    "csv": (b'"', b'""', b",", b";", b"\t", b"\r\n", b"\x00"),
    "markdown": (b"|", b"|-|", b"```", b"# ", b"> ", b"- ", b"\t", b"[a](b)", b"<!--", b"---\n"),
    "gguf": (struct.pack("<Q", 1 << 62), struct.pack("<I", 9), struct.pack("<I", 8), b"general.alignment"),
    "safetensors": (b'"dtype":"F64"', b'"shape":[0]', b'"data_offsets":[0,0]', struct.pack("<Q", 1 << 40)),
    "tokenizer": (b'"type":"BPE"', b'"vocab":{}', b"null", b"[]", b"{}", b'"pattern":{"Regex":"(a+)+$"}', b"-1", b'"id":99999999'),
    "template": (b"{% for x in y %}", b"{% endfor %}", b"{{", b"}}", b"{% if", b"|join", b"*99999", b"%}", b"range(9**9)", b"'a'*9**9"),
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A parser. ``run`` returns, or raises an error of ragedge's own; anything else is a finding."""

    run: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]


def _loader(name: str, suffix: str, data: bytes) -> object:
    from ragedge.ingest import detect

    worker = _worker()
    document = worker._loader(name).load(data, f"x{suffix}")
    detect.media_type(data or b" ", f"x{suffix}", ())
    return worker._cut(document)


@cache
def _worker() -> Any:
    from ragedge.config import IngestConfig
    from ragedge.ingest.parser_worker import Worker

    config = IngestConfig()
    return Worker({
        "loaders": config.active_loaders(), "preprocessors": [], "chunker": "section",
        "chunker_options": {"max_tokens": 64, "overlap_tokens": 0}, "counter": "ragedge.testing.word_counter:create",
        "counter_options": {}, "ocr": False, "ocr_figures": False,
    })  # fmt: skip


@cache
def _file(name: str) -> Path:
    shared = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix=f"fuzz-{os.getpid()}-", dir=shared if shared.is_dir() else None)
    return Path(folder) / name


def _gguf(data: bytes) -> object:
    from ragedge.models.compile.gguf_header import read_header
    from ragedge.models.compile.gguf_tokenizer import read_tokenizer

    path = _file("x.gguf")
    path.write_bytes(data)
    header = read_header(path)
    return read_tokenizer(header.metadata, 96)


def _safetensors(data: bytes) -> object:
    from ragedge.models.compile.safetensors_reader import TensorFile

    path = _file("x.safetensors")
    path.write_bytes(data)
    with TensorFile(path) as tensors:
        return [tensors.read(name, (None, None)) for name in sorted(tensors.names)[:4]]


def _tokenizer(data: bytes) -> object:
    from ragedge.embed.token_counter import JsonTokenCounter

    path = _file("tokenizer.json")
    path.write_bytes(data)
    return JsonTokenCounter.from_file(path).token_spans("Turn valve 3 of KX-41B by 30°. 弁を回す")


def _template(data: bytes) -> object:
    from ragedge.datatypes import Message
    from ragedge.models.chat_template import ChatTemplate

    return ChatTemplate(data.decode("utf-8", "replace")).render(
        [Message("user", "How far?")], bos_token="<s>"
    )


@cache
def _signer() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes(32))


def _signed(manifest: bytes, rest: bytes) -> bytes:
    """Return a bundle whose signature holds, whatever its manifest says."""
    from ragedge.bundle import signing, tar

    parts = (("manifest.json", manifest), ("manifest.sig", signing.sign(_signer(), manifest)))
    return (
        b"".join(tar.header(name, len(data)) + data + tar.padding(len(data)) for name, data in parts) + rest
    )


def _bundle(data: bytes) -> None:
    """Read a bundle as it came, and once more with a signature over whatever its manifest has become."""
    from ragedge.bundle.reading import open_bundle
    from ragedge.errors import RagedgeError

    end = data.find(b"\0", 512)
    for content in (data, _signed(data[512 : end if end > 0 else None], data[end + 1024 :])):
        path = _file("x.bundle")
        path.write_bytes(content)
        try:
            with open_bundle(path, [_signer().public_key()]) as bundle:
                bundle.check()
        except RagedgeError as exc:
            assert exc.message


# Seeds


def _pdf_seeds() -> list[bytes]:
    from reportlab.pdfgen import canvas

    seeds = []
    for compressed in (0, 1):
        out = io.BytesIO()
        pdf = canvas.Canvas(out, pageCompression=compressed)
        pdf.setTitle("Pump")
        pdf.bookmarkPage("a")
        pdf.addOutlineEntry("One", "a")
        for page in range(2):
            pdf.drawString(72, 760, f"Step {page}: torque 35 Nm")
            for row in range(3):
                pdf.line(72, 600 - 20 * row, 300, 600 - 20 * row)
                pdf.drawString(80, 585 - 20 * row, f"cell {row}")
                pdf.drawString(200, 585 - 20 * row, f"{row} mm")
            pdf.linkURL("http://example.invalid", (72, 700, 90, 710))
            pdf.showPage()
        pdf.save()
        seeds.append(out.getvalue())
    return seeds


def _docx_seeds() -> list[bytes]:
    import docx

    document = docx.Document()
    document.add_heading("Pump", 1)
    document.add_paragraph("Turn the valve.", style="List Number")
    table = document.add_table(2, 2)
    table.cell(0, 0).text, table.cell(1, 1).text = "Pad", "3 mm"
    document.add_paragraph("End.")
    # The template's other styles are most of the file and of the time, and say nothing that one does not.
    styles = document.styles.element
    for element in list(styles):
        if element.tag.endswith("latentStyles"):
            styles.remove(element)
    for style in list(document.styles):
        if style.name not in ("Normal", "Heading 1", "List Number", "Normal Table"):
            style.delete()
    out, small = io.BytesIO(), io.BytesIO()
    document.save(out)
    with zipfile.ZipFile(out) as whole, zipfile.ZipFile(small, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in whole.namelist():
            if name.startswith(
                ("word/document", "word/styles", "word/numbering", "docProps/core", "[Content", "_rels")
            ):
                kept.writestr(name, whole.read(name))
        kept.writestr("word/footnotes.xml", _FOOTNOTES)
    return [small.getvalue()]


def _epub_seeds() -> list[bytes]:
    from small_book import book

    return [book()]


def _text_seeds(*texts: str) -> list[bytes]:
    return [text.encode() for text in texts]


def _gguf_seeds() -> list[bytes]:
    from make_tiny_gguf import tiny_of, write

    seeds = []
    for family in ("llama", "qwen2"):
        path = _file(f"{family}.gguf")
        write(tiny_of(family, kind="Q4_0"), path)
        seeds.append(path.read_bytes()[:40_000])
        seeds.append(path.read_bytes())
    return seeds


def _safetensors_seeds() -> list[bytes]:
    import numpy as np
    from safetensors.numpy import save

    return [save({"a.weight": np.ones((3, 4), np.float32), "b": np.zeros((2, 2), np.float16)})]


def _bundle_seeds() -> list[bytes]:
    import hashlib

    from ragedge.bundle import tar
    from ragedge.bundle.manifest import BundleManifest, Needs, Part, Rows

    bodies = {"kb/default/kb.sqlite": ("rows", b"SQLite format 3"), "sbom.cdx.json": ("sbom", b"{}")}
    digests = {path: hashlib.sha256(body).hexdigest() for path, (_, body) in bodies.items()}
    manifest = BundleManifest(
        name="pump", version=2, ragedge="0", models={}, plugins=(), abstain_below=0.5, licences=(),
        rows=Rows(schema_version=1, documents=1, chunks=1, embedder="e", content_digest="0" * 64),
        needs=Needs(disk_bytes=1, memory_bytes=1),
        parts=tuple(
            Part(path=path, kind=kind, sha256=digests[path], bytes=len(body)) for path, (kind, body) in bodies.items()
        ),
    )  # fmt: skip
    rest = b"".join(tar.header(path, len(b)) + b + tar.padding(len(b)) for path, (_, b) in bodies.items())
    return [_signed(manifest.as_bytes(), rest + tar.END)]


def _tokenizer_seeds() -> list[bytes]:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = {word: i for i, word in enumerate(("[UNK]", "[SEP]", "turn", "valve", "3", "##s", "弁"))}
    piece = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    piece.normalizer = normalizers.BertNormalizer()
    piece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    piece.add_special_tokens(["[SEP]"])
    pairs = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel()
    return [piece.to_str().encode(), pairs.to_str().encode()]


_FOOTNOTES = '<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">' \
             '<w:footnote w:id="2"><w:p><w:r><w:t>See 3.</w:t></w:r></w:p></w:footnote></w:footnotes>'  # fmt: skip
_HTML = "<html><head><title>P</title></head><body><h1>Oil</h1><p>Open &amp; close.</p><ol><li>One<li>Two</ol>" \
        "<table><tr><th>A<th>B</tr><tr><td rowspan=2>1<td>2</tr><tr><td>3</tr></table><pre> x\n y</pre></body></html>"  # fmt: skip
_TEMPLATES = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] | trim }}{% endfor %}{% if add_generation_prompt %}<|a|>{% endif %}",
    "{{ bos_token }}{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ '%d' % ns.n }}{{ m.content }}{% endfor %}",
    "{% macro f(x) %}{{ x|upper }}{% endmacro %}{{ f('a') }}{{ messages | tojson }}{{ raise_exception('no') if not messages }}",
)  # fmt: skip

TARGETS: dict[str, Target] = {
    "pdf": Target(partial(_loader, "pdf", ".pdf"), _pdf_seeds),
    "docx": Target(partial(_loader, "docx", ".docx"), _docx_seeds),
    "epub": Target(partial(_loader, "epub", ".epub"), _epub_seeds),
    "html": Target(partial(_loader, "html", ".html"), partial(_text_seeds, _HTML)),
    "csv": Target(
        partial(_loader, "csv", ".csv"), partial(_text_seeds, 'a,b\n1,"x ""y"" z"\n2,3\n', "n;m\n1;2,5\n")
    ),
    "markdown": Target(
        partial(_loader, "markdown", ".md"),
        partial(
            _text_seeds,
            "# A\n\ntext\n\n| a | b |\n|---|:-:|\n| 1 | 2 |\n\n1. x\n   - y\n\n```\ncode\n```\n> q\n",
        ),
    ),
    "gguf": Target(_gguf, _gguf_seeds),
    "safetensors": Target(_safetensors, _safetensors_seeds),
    "tokenizer": Target(_tokenizer, _tokenizer_seeds),
    "bundle": Target(_bundle, _bundle_seeds),
    "template": Target(_template, partial(_text_seeds, *_TEMPLATES)),
}


@cache
def seeds_of(name: str) -> tuple[bytes, ...]:
    """Return a target's seeds: made here, and the files of its corpus."""
    kept = sorted((CORPUS / name).glob("*")) if (CORPUS / name).is_dir() else []
    return (*TARGETS[name].seeds(), *(path.read_bytes() for path in kept))


def finding(name: str, data: bytes) -> str | None:
    """Run a target; return what is wrong with what it raised, None where nothing is."""
    from ragedge.errors import RagedgeError
    from ragedge.ingest.worker_loop import last_frame

    try:
        TARGETS[name].run(data)
    except RagedgeError as exc:
        return None if exc.message and "\n" not in exc.message else "an error without a line of its own"
    except (RecursionError, MemoryError):
        return None  # the worker says "nested too deeply" and "more memory than there is"
    except BaseException as exc:  # a panic of a native library is no Exception
        if isinstance(exc, KeyboardInterrupt):
            raise
        return f"{type(exc).__name__} in {last_frame(exc)}"
    return None


def mutated(name: str, chance: random.Random) -> bytes:
    """Return a seed with one to six changes; of an archive, one member is changed and packed again."""
    data = chance.choice(seeds_of(name))
    if data[:2] == b"PK" and chance.random() < 0.85:
        return _repacked(data, name, chance)
    if name == "pdf" and chance.random() < 0.3:
        return _in_stream(data, chance)
    return _changed(data, name, chance)


def _changed(data: bytes, name: str, chance: random.Random) -> bytes:
    content = bytearray(data)
    # Most formats say what matters near their beginning.
    reach = chance.choice((64, 512, 4096, len(content))) if content else 0
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(min(reach, len(content))) if content else 0
        length = chance.choice((1, 2, 4, 16, 64))
        how = chance.randrange(7)
        if how == 0 and content:
            content[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            word = chance.choice(_INTERESTING)
            content[at : at + len(word)] = word
        elif how == 2:
            content[at:at] = chance.choice(_WORDS.get(name, _INTERESTING))
        elif how == 3:
            del content[at : at + length]
        elif how == 4:
            content[at:at] = content[at : at + length] * chance.choice((1, 2, 50))
        elif how == 5:
            other = chance.choice(seeds_of(name))
            start = chance.randrange(len(other) or 1)
            content[at : at + length] = other[start : start + length]
        elif chance.random() < 0.1:
            del content[at:]
    return bytes(content[: 1 << 20])


def _repacked(data: bytes, name: str, chance: random.Random) -> bytes:
    out = io.BytesIO()
    packing = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    members = _members(data)
    chosen = chance.choice(list(members))
    with zipfile.ZipFile(out, "w", packing) as new:
        for member, content in members.items():
            if member == chosen:
                if chance.random() < 0.05:
                    continue
                content = _changed(content, name, chance)
            new.writestr(zipfile.ZipInfo(member), content, packing)
    return out.getvalue()


@cache
def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {member: archive.read(member) for member in archive.namelist() if not member.endswith("/")}


def _in_stream(data: bytes, chance: random.Random) -> bytes:
    """Change what a compressed stream unpacks to."""
    start = data.find(b"stream\n", chance.randrange(len(data)))
    end = data.find(b"endstream", start)
    if start < 0 or end < 0:
        return _changed(data, "pdf", chance)
    body = data[start + 7 : end]
    try:
        body = zlib.compress(_changed(zlib.decompress(body), "pdf", chance))
    except zlib.error:
        body = _changed(body, "pdf", chance)
    return data[: start + 7] + body + data[end:]


def as_json(row: dict[str, Any]) -> str:
    """Return a row of the log."""
    return json.dumps(row, ensure_ascii=False)

"""Bundles that somebody changed, and bundles that a trusted maker's key signed all the same: each is refused.

Refused means: an error of ours, and not a byte of the folder of slots differs from before.
"""

import gzip
import io
import json
import os
import shutil
import zipfile

import pytest
from bundle_pieces import Pieces, loose_header

import ragedge
from ragedge.bundle import signing, slots, tar
from ragedge.errors import BundleError

ROWS, MODEL = "kb/default/kb.sqlite", "models/tiny/model.onnx"
TOML, SBOM = "kb/default/ragedge.toml", "sbom.cdx.json"


@pytest.fixture(scope="module")
def device(line, tmp_path_factory):
    """A folder of slots in which release 1 runs."""
    folder = tmp_path_factory.mktemp("device") / "slots"
    slots.install(line.first, folder, line.trusted())
    return folder


def content_of(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refused(line, device, bundle, trusted=None):
    before = content_of(device)
    with pytest.raises(BundleError) as caught:
        slots.install(bundle, device, trusted if trusted is not None else line.trusted())
    assert content_of(device) == before
    assert not (device / ".staging").exists()
    assert caught.value.message and "\n" not in str(caught.value)
    return caught.value


# Changed on the way: nobody who is trusted signed this


def flipped(blob, at, bit=1):
    return blob[:at] + bytes([blob[at] ^ bit]) + blob[at + 1 :]


def inside(blob, name, offset=0):
    """Where a part's content begins."""
    at = blob.index(name.encode().ljust(100, b"\0"))
    return at + tar.BLOCK + offset


def zipped(blob):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../../outside", b"x")
        archive.writestr("manifest.json", b"{}")
    return out.getvalue()


def with_header(name, **fields):
    def change(blob):
        at = blob.index(name.encode().ljust(100, b"\0"))
        return (
            blob[:at]
            + loose_header(name, tar.stated_size(blob[at : at + tar.BLOCK]), **fields)
            + blob[at + 512 :]
        )

    return change


def with_member(flag, name="././@LongLink", content=b"models/tiny/../../../outside\0"):
    """Put a member before the rows that tar programs obey."""

    def change(blob):
        at = blob.index(ROWS.encode().ljust(100, b"\0"))
        member = loose_header(name, len(content), at156=flag) + content + tar.padding(len(content))
        return blob[:at] + member + blob[at:]

    return change


CHANGED = {
    "empty": lambda blob: b"",
    "one block": lambda blob: blob[:512],
    "zeros": lambda blob: bytes(len(blob)),
    "text": lambda blob: b"not a bundle at all\n" * 200,
    "a zip": zipped,
    "compressed": lambda blob: gzip.compress(blob),
    "cut in the manifest": lambda blob: blob[:700],
    "cut in the signature": lambda blob: blob[: inside(blob, "manifest.sig", 10)],
    "cut in the rows": lambda blob: blob[: inside(blob, ROWS, 5000)],
    "cut before the end": lambda blob: blob[:-1024],
    "cut by a byte": lambda blob: blob[:-1],
    "a byte behind the end": lambda blob: blob + b"\0",
    "a block behind the end": lambda blob: blob + bytes(512),
    "a file behind the end": lambda blob: blob + tar.header("models/x/y", 1) + b"x".ljust(512, b"\0") + tar.END,
    "itself behind the end": lambda blob: blob + blob,
    "something before the start": lambda blob: bytes(512) + blob,
    "a bit of the first name": lambda blob: flipped(blob, 0),
    "a bit of the manifest": lambda blob: flipped(blob, 700),
    "a bit of the signature": lambda blob: flipped(blob, inside(blob, "manifest.sig", 20)),
    "a bit of a part's name": lambda blob: flipped(blob, inside(blob, ROWS, -510)),
    "a bit of a part's size": lambda blob: flipped(blob, inside(blob, ROWS, -512 + 130)),
    "a bit of the rows": lambda blob: flipped(blob, inside(blob, ROWS, 9000)),
    "a bit of the model": lambda blob: flipped(blob, inside(blob, MODEL, 3000), 128),
    "a bit of the tokenizer": lambda blob: flipped(blob, inside(blob, "models/tiny/tokenizer.json", 40)),
    "a bit of the model's manifest": lambda blob: flipped(blob, inside(blob, "models/tiny/manifest.json", 9)),
    "a bit of the settings": lambda blob: flipped(blob, inside(blob, TOML, 3)),
    "a bit of the list": lambda blob: flipped(blob, inside(blob, SBOM, 3)),
    "a bit between the parts": lambda blob: flipped(blob, inside(blob, TOML, 500)),
    "a bit of the end": lambda blob: flipped(blob, len(blob) - 3),
    "setuid": with_header(ROWS, at100=b"0004755\0"),
    "an owner": with_header(ROWS, at108=b"0001750\0"),
    "a time": with_header(ROWS, at136=b"14000000000\0"),
    "a symbolic link": with_header(TOML, at156=b"2", at157=b"/etc/passwd"),
    "a hard link": with_header(TOML, at156=b"1", at157=b"../../installed.json"),
    "a folder": with_header(TOML, at156=b"5"),
    "a device": with_header(TOML, at156=b"3", at329=b"0000001\0"),
    "a pipe": with_header(TOML, at156=b"6"),
    "a prefix": with_header(TOML, at345=b"../.."),
    "a size in base 256": with_header(ROWS, at124=b"\x80" + bytes(10) + b"\x01"),
    "a long name of GNU": with_member(b"L"),
    "a pax header": with_member(b"x", "pax", b"30 path=../../../../../outside\n"),
    "a sparse file": with_member(b"S", "sparse"),
    "a manifest of 8 GB": with_header("manifest.json", at124=b"77777777777\0"),
    "no signature": lambda blob: blob.replace(blob[inside(blob, "manifest.sig"):][:64], bytes(64)),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_changed_on_the_way(line, device, tmp_path, name):
    blob = line.second.read_bytes()
    changed = CHANGED[name](blob)
    assert changed != blob
    (tmp_path / "bundle").write_bytes(changed)
    refused(line, device, tmp_path / "bundle")


def taken(path):
    return lambda pieces: pieces.contents.pop(path) and pieces.manifest["parts"].remove(pieces.part(path))


def said(**facts):
    return lambda pieces: pieces.manifest.update(facts)


def needs(**facts):
    return lambda pieces: pieces.manifest["needs"].update(facts)


def rows_say(**facts):
    return lambda pieces: pieces.manifest["rows"].update(facts)


def part_says(path, **facts):
    return lambda pieces: pieces.part(path).update(facts)


def raw(change):
    def apply(pieces):
        pieces.raw = change(json.dumps(pieces.manifest, indent=1, sort_keys=True) + "\n").encode()

    return apply


def named(*paths, kind="other"):
    def apply(pieces):
        for path in paths:
            pieces.add(path, kind=kind)

    return apply


def doubled(pieces):
    pieces.manifest["parts"].append(dict(pieces.part(SBOM)))


def exchanged(pieces):
    paths = [part["path"] for part in pieces.manifest["parts"]]
    pieces.order = [paths[1], paths[0], *paths[2:]]


def unsorted(pieces):
    pieces.manifest["parts"].reverse()


def another_digest(pieces):
    rows = bytearray(pieces.contents[ROWS])
    at = rows.index(b"20 minutes")
    rows[at : at + 2] = b"90"  # the row's digest, the content's digest or both must see it
    pieces.replace(ROWS, bytes(rows))


def many(pieces):
    for number in range(10_001):
        pieces.manifest["parts"].append(
            {"path": f"parts/other/{number:05}", "kind": "other", "sha256": "0" * 64, "bytes": 0}
        )
    pieces.order = []


# Signed by a trusted key, and not to be installed all the same

SIGNED = {
    "a path upwards": named("../outside"),
    "a path upwards inside": named("parts/other/../../../../outside"),
    "a model upwards": named("models/../outside", kind="model"),
    "an absolute path": named("/etc/outside"),
    "a backslash": named("parts/other/..\\..\\outside"),
    "a drive": named("parts/other/C:outside"),
    "an empty step": named("parts/other//outside"),
    "a point": named("parts/other/./outside"),
    "a hidden name": named("parts/other/.outside"),
    "a control character": named("parts/other/a\nb"),
    "an escape": named("parts/other/a\x1b[2J"),
    "not ASCII": named("parts/other/ａ"),
    "a device of Windows": named("parts/other/con.txt"),
    "a point at the end": named("parts/other/name."),
    "a long name": named("parts/other/" + "x" * 120),
    "the state": named("installed.json"),
    "the slot's manifest": named("bundle.json"),
    "the lock": named(".in-use"),
    "keys": named("kb/default/kb.keys"),
    "a second database": named("kb/default/kb.sqlite-wal", kind="rows"),
    "a kind elsewhere": named("parts/adapter/one", kind="context"),
    "a model at the top": named("models/one", kind="model"),
    "two of one name": doubled,
    "names that differ in case": named("parts/other/One", "parts/other/one"),
    "a file where a folder stands": named("parts/other/one", "parts/other/one/two"),
    "out of order": unsorted,
    "parts exchanged": exchanged,
    "a part without a digest": lambda pieces: pieces.part(ROWS).pop("sha256"),
    "a wrong digest": part_says(ROWS, sha256="0" * 64),
    "a digest in capitals": lambda pieces: part_says(TOML, sha256=pieces.part(TOML)["sha256"].upper())(pieces),
    "a size too large": part_says(TOML, bytes=700),
    "a size too small": part_says(TOML, bytes=2),
    "a negative size": part_says(TOML, bytes=-1),
    "a size beyond tar": part_says(TOML, bytes=8**11),
    "no rows": taken(ROWS),
    "no list": taken(SBOM),
    "too many parts": many,
    "another format": said(format="ragedge-bundle-2"),
    "an unknown field": said(run="rm -rf /"),
    "an unknown kind": part_says(TOML, kind="script"),
    "release 0": said(version=0),
    "an older release": said(version=1),
    "a release that is no number": said(version="3"),
    "another line": said(name="kettle"),
    "a name that is no folder's": said(name="../pump"),
    "not canonical": raw(lambda text: text.replace('"name"', ' "name"', 1)),
    "one key twice": raw(lambda text: text.replace('"name"', '"version": 3, "name"', 1)),
    "deeply nested": raw(lambda text: "[" * 100_000 + "]" * 100_000),
    "no JSON": raw(lambda text: text[1:]),
    "a plugin that is not here": said(plugins=["embedder:of-somebody"]),
    "a kind that is none": said(plugins=["shell:bash"]),
    "more memory than there is": needs(memory_bytes=2**60),
    "more disk than there is": needs(disk_bytes=2**60),
    "rows of a newer ragedge": rows_say(schema_version=999),
    "rows of other content": rows_say(content_digest="0" * 64),
    "rows that are no database": lambda pieces: pieces.replace(ROWS, b"nonsense" * 1000),
    "rows cut in half": lambda pieces: pieces.replace(ROWS, pieces.contents[ROWS][:8192]),
    "rows changed inside": another_digest,
    "a model that is none": lambda pieces: pieces.replace(MODEL, b"nonsense" * 100),
    "a model of another fingerprint": lambda pieces: pieces.manifest["models"].update(tiny="0" * 64),
    "a model that is not there": lambda pieces: pieces.manifest["models"].update(more="0" * 64),
    "a model too many files": named("models/tiny/extra.bin", kind="model"),
    "settings that are none": lambda pieces: pieces.replace(TOML, b"not = [toml"),
    "settings that are unknown": lambda pieces: pieces.replace(TOML, b"[shell]\nrun = 1\n"),
    "settings for another model": lambda pieces: pieces.replace(TOML, b'[embed]\nmodel = "other"\n'),
}  # fmt: skip


@pytest.mark.parametrize("name", SIGNED)
def test_signed_and_wrong_all_the_same(line, device, tmp_path, name):
    pieces = Pieces.of(line.second, line.private)
    SIGNED[name](pieces)
    (tmp_path / "bundle").write_bytes(pieces.packed())
    refused(line, device, tmp_path / "bundle")


def test_taken_apart_and_put_together_it_is_the_same(line):
    # So that the changes above are the only ones.
    assert Pieces.of(line.second, line.private).packed() == line.second.read_bytes()


def test_signatures_that_are_not_its_own(line, device, tmp_path):
    bundle = tmp_path / "bundle"
    other = tmp_path / "other.key"
    signing.make_key(other)
    for make in (
        lambda pieces: signing.sign(signing.read_private(other), pieces.raw),  # somebody else's
        lambda pieces: pieces.key.sign(pieces.raw),  # the maker's, over something that was no bundle
        lambda pieces: signing.sign(pieces.key, pieces.raw[:-1]),
    ):
        pieces = Pieces.of(line.second, line.private)
        pieces.raw = (json.dumps(pieces.manifest, indent=1, sort_keys=True) + "\n").encode()
        pieces.signature = make(pieces)
        bundle.write_bytes(pieces.packed())
        assert "trusted" in refused(line, device, bundle).message
    stranger = [signing.read_public(tmp_path / "other.key.pub")]
    assert "trusted" in refused(line, device, line.second, stranger).message
    assert "no trusted key" in refused(line, device, line.second, []).message


def test_a_manifest_on_the_parts_of_another_release(line, device, tmp_path):
    first, second = (Pieces.of(path, line.private) for path in (line.first, line.second))
    second.contents = first.contents
    (tmp_path / "bundle").write_bytes(second.packed())
    refused(line, device, tmp_path / "bundle")


@pytest.mark.skipif(os.name == "nt", reason="no such files there")
def test_what_is_no_file(line, device, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "missing", "/dev/zero"):
        refused(line, device, path)


def test_changed_while_it_is_read(line, device, tmp_path, monkeypatch):
    bundle = tmp_path / "bundle"
    shutil.copy(line.second, bundle)
    blob = bundle.read_bytes()
    check = slots.OpenBundle.check

    def checked_then_changed(self, progress=None):
        check(self, progress)
        with bundle.open("r+b") as file:
            file.seek(inside(blob, MODEL, 3000))
            file.write(b"changed")

    monkeypatch.setattr(slots.OpenBundle, "check", checked_then_changed)
    refused(line, device, bundle)


def test_after_all_of_it_the_device_answers_and_takes_the_true_one(line, device):
    with ragedge.open(device) as kb:
        assert "35" in kb.ask("What torque does the drain plug take?").text
    assert slots.install(line.second, device, line.trusted()).version == 2
    assert len(CHANGED) + len(SIGNED) >= 50

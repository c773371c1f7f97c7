"""Which files paths on the command line mean."""

from __future__ import annotations

import hashlib

import pytest

from ragedge.errors import SourceError
from ragedge.ingest.scan import read, scan


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "manuals"
    (root / "ev" / "old").mkdir(parents=True)
    for name in ("b.pdf", "a.md", "ev/c.txt", "ev/old/d.txt", ".hidden", "ev/.secret.md"):
        (root / name).write_bytes(name.encode())
    return root


def sources(found):
    return [file.source for file in found.files]


def test_a_folder_gives_posix_sources_in_order(folder):
    found = scan([folder])
    assert sources(found) == ["a.md", "b.pdf", "ev/c.txt", "ev/old/d.txt"]
    assert found.skipped == []
    assert found.folders == [folder.resolve()]


def test_a_file_is_its_name_and_comes_once(folder):
    found = scan([folder / "ev" / "c.txt", folder])
    assert sources(found) == ["c.txt", "a.md", "b.pdf", "ev/old/d.txt"]
    assert [file.named for file in found.files] == [True, False, False, False]


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.txt"], [], ["ev/c.txt", "ev/old/d.txt"]),
        ([], ["ev/old"], ["a.md", "b.pdf", "ev/c.txt"]),
        (["ev/*"], ["d.*"], ["ev/c.txt"]),
    ],
)
def test_patterns(folder, include, exclude, expected):
    assert sources(scan([folder], include=include, exclude=exclude)) == expected


def test_patterns_that_fit_nothing_say_so(folder):
    found = scan([folder], include=["*.docx"])
    assert found.files == []
    assert [skipped.code for skipped in found.skipped] == ["empty"]
    assert "none of the 4 files" in found.skipped[0].reason


def test_what_is_not_there(tmp_path):
    found = scan([tmp_path / "nope.pdf"])
    assert [(skipped.source, skipped.code) for skipped in found.skipped] == [("nope.pdf", "not_found")]


def test_an_empty_folder_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    assert scan([tmp_path / "empty"]).skipped[0].code == "empty"


def test_a_link_to_a_folder_above_ends(folder):
    try:
        (folder / "ev" / "loop").symlink_to(folder, target_is_directory=True)
        (folder / "dangling.pdf").symlink_to(folder / "gone")
    except OSError:
        pytest.skip("this system makes no symbolic links")
    found = scan([folder])
    assert sources(found) == ["a.md", "b.pdf", "ev/c.txt", "ev/old/d.txt"]
    assert [(skipped.source, skipped.code) for skipped in found.skipped] == [("dangling.pdf", "not_found")]


def test_reading_gives_bytes_and_their_hash(folder):
    file = scan([folder / "a.md"]).files[0]
    data, digest = read(file, 100)
    assert data == b"a.md"
    assert digest == hashlib.sha256(b"a.md").hexdigest()


def test_a_file_over_the_limit_is_refused(folder):
    with pytest.raises(SourceError) as caught:
        read(scan([folder / "b.pdf"]).files[0], 2)
    assert caught.value.code == "too_large"


def test_a_file_that_went_away_is_refused(folder):
    file = scan([folder / "b.pdf"]).files[0]
    (folder / "b.pdf").unlink()
    with pytest.raises(SourceError) as caught:
        read(file, 100)
    assert caught.value.code == "not_found"

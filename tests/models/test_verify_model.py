"""Hashing a model's files."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import pytest

from ragedge.models import verify


@pytest.mark.parametrize("length", [0, 1, mmap.ALLOCATIONGRANULARITY, 3 * mmap.ALLOCATIONGRANULARITY + 5])
def test_a_file_is_hashed_whole_however_many_windows_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    monkeypatch.setattr(verify, "_WINDOW_BYTES", mmap.ALLOCATIONGRANULARITY)
    content = bytes(i * 31 % 251 for i in range(length))
    path = tmp_path / "weights"
    path.write_bytes(content)
    record = verify.record_of(path)
    assert (record.sha256, record.bytes) == (hashlib.sha256(content).hexdigest(), length)

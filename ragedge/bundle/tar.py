"""The archive format of a bundle: a tar of which every byte outside of the parts follows from names and sizes.

It is POSIX ustar (IEEE 1003.1), so `tar tf` lists it. Nothing is compressed: models do not shrink, and nothing can
swell. A reader does not interpret headers: it makes the one header that name and size allow and compares. Links,
devices, modes, owners, times, comments, other fields and anything behind the end are thereby refused without a rule
for each.
"""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)
MOST_BYTES = 8**11 - 1  # what the size field holds: 8 GiB
_SIZE = slice(124, 136)


def header(name: str, size: int) -> bytes:
    """Return the header of a file, BLOCK bytes; owner root, mode 0600, time 0.

    Raises:
        ValueError: the name does not fit, or the size.
    """
    encoded = name.encode("ascii")
    if not 0 < len(encoded) <= 100:
        raise ValueError(f"a name has 1 to 100 ASCII characters, got {len(encoded)}")
    if not 0 <= size <= MOST_BYTES:
        raise ValueError(f"a part has at most {MOST_BYTES} bytes, got {size}")
    fields = (
        encoded.ljust(100, b"\0"), b"0000600\0", b"0000000\0", b"0000000\0", b"%011o\0" % size,
        b"%011o\0" % 0, b" " * 8, b"0", bytes(100), b"ustar\0" b"00", bytes(32), bytes(32),
        b"0000000\0", b"0000000\0", bytes(155), bytes(12),
    )  # fmt: skip
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def stated_size(block: bytes) -> int:
    """Return the size that a header states; to be checked by making that header.

    Raises:
        ValueError: it states none.
    """
    return int(block[_SIZE].rstrip(b"\0").decode("ascii"), 8)


def padding(size: int) -> bytes:
    """Return what follows a file of that size, up to the next block."""
    return bytes(-size % BLOCK)


def padded(size: int) -> int:
    """Return how many bytes a file of that size takes, header included."""
    return BLOCK + size + -size % BLOCK

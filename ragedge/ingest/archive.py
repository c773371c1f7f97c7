"""Opens the ZIP archives that documents come in, with limits on what one may unpack to."""

from __future__ import annotations

import io
import zipfile
import zlib

from ragedge.errors import SourceError

_MOST_MEMBERS = 20_000
# Of one member, and of all that are read: the text of the largest books is a fifth of it.
_MOST_MEMBER_BYTES = 64 << 20
_MOST_BYTES = 128 << 20
_STEP = 1 << 20
_ENCRYPTED = 0x1  # general purpose bit 0, APPNOTE 4.4.4


class Archive:
    """A ZIP archive in memory, read member by member.

    Args:
        data: The whole file.
        source: Quoted in errors.

    Raises:
        SourceError: it is damaged, or holds more members than a document does.
    """

    def __init__(self, data: bytes, source: str) -> None:
        self._source = source
        self._left = _MOST_BYTES
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as exc:
            raise SourceError(
                "damaged", f"{source} is cut off or damaged: its list of parts cannot be read",
                hint="save it again from its original",
            ) from exc  # fmt: skip
        members = self._archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise SourceError(
                "too_large", f"{source} holds {len(members)} parts; at most {_MOST_MEMBERS} are read"
            )
        self._members = {member.filename: member for member in members}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str) -> bytes:
        """Unpack one member.

        Raises:
            SourceError: it is missing or damaged, is under a password, or unpacks to more than a document holds.
        """
        member = self._members.get(name)
        if member is None:
            raise SourceError("damaged", f"{self._source} lacks its part {name!r}")
        if member.flag_bits & _ENCRYPTED:
            raise SourceError("encrypted", f"{self._source} is under a password", hint="save it without one")
        most = min(_MOST_MEMBER_BYTES, self._left)
        parts: list[bytes] = []
        size = 0
        try:
            # The size that a member declares is not to be trusted; what comes out is counted.
            with self._archive.open(member) as stream:
                while size <= most and member.file_size <= most and (part := stream.read(_STEP)):
                    parts.append(part)
                    size += len(part)
        except (
            zipfile.BadZipFile,
            zlib.error,
            ValueError,
            NotImplementedError,
            EOFError,
            OSError,
            RuntimeError,
        ) as exc:
            raise SourceError("damaged", f"{self._source}: its part {name!r} cannot be unpacked") from exc
        if max(size, member.file_size) > most:
            raise SourceError(
                "too_large", f"{self._source}: its part {name!r} unpacks to over {most >> 20} MB",
                hint="split the document",
            )  # fmt: skip
        self._left -= size
        return b"".join(parts)

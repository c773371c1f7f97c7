"""A bundle taken apart, to be put together wrongly."""

import hashlib
import json
from dataclasses import dataclass

from ragedge.bundle import signing, tar


@dataclass
class Pieces:
    """A bundle taken apart, to be put together wrongly."""

    manifest: dict
    contents: dict
    key: object

    def __post_init__(self):
        self.raw = None
        self.signature = None
        self.headers = {}
        self.order = None
        self.tail = b""

    @classmethod
    def of(cls, path, private):
        blob, at, found = path.read_bytes(), 0, {}
        while blob[at : at + tar.BLOCK] != bytes(tar.BLOCK):
            block = blob[at : at + tar.BLOCK]
            size = tar.stated_size(block)
            found[block[:100].rstrip(b"\0").decode()] = blob[at + tar.BLOCK : at + tar.BLOCK + size]
            at += tar.padded(size)
        manifest = json.loads(found.pop("manifest.json"))
        del found["manifest.sig"]
        return cls(manifest, found, signing.read_private(private))

    def part(self, path):
        return next(part for part in self.manifest["parts"] if part["path"] == path)

    def add(self, path, content=b"x", kind="other"):
        digest = hashlib.sha256(content).hexdigest()
        self.manifest["parts"].append({"path": path, "kind": kind, "sha256": digest, "bytes": len(content)})
        self.manifest["parts"].sort(key=lambda part: part["path"])
        self.contents[path] = content

    def replace(self, path, content):
        self.part(path).update(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
        self.contents[path] = content

    def packed(self):
        """Put it together; whatever was not set by hand is right, the signature too."""
        raw = self.raw or (json.dumps(self.manifest, indent=1, sort_keys=True) + "\n").encode()
        signature = self.signature or signing.sign(self.key, raw)
        order = [part["path"] for part in self.manifest["parts"]] if self.order is None else self.order
        named = [(path, self.contents[path]) for path in order]
        blocks = []
        for path, content in [("manifest.json", raw), ("manifest.sig", signature), *named]:
            block = self.headers.get(path) or loose_header(path, len(content))
            blocks += [block, content, tar.padding(len(content))]
        return b"".join(blocks) + tar.END + self.tail


def loose_header(name, size, **fields):
    """A tar header of any name, with fields changed by their place, its checksum right."""
    try:
        block = bytearray(tar.header(name, size))
    except ValueError:
        block = bytearray(tar.header("x", max(size, 0)))
        encoded = name.encode()[:100]
        block[:100] = encoded.ljust(100, b"\0")
    for place, value in fields.items():
        start = int(place.removeprefix("at"))
        block[start : start + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)

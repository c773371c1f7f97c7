"""The list of what is in a bundle, as CycloneDX 1.6 JSON (ECMA-424)."""

from __future__ import annotations

import datetime
import hashlib
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ragedge import __version__
from ragedge.bundle.manifest import Licence, Part

if TYPE_CHECKING:
    from ragedge.models.manifest import Manifest

# A bundle tells nothing of when it was packed, or two of the same would differ; the format wants some time.
_NO_TIME = datetime.datetime(1980, 1, 1, tzinfo=datetime.UTC)
_RAGEDGE_LICENCE = "Apache-2.0"


def sbom(
    name: str,
    version: int,
    parts: Sequence[Part],
    models: Mapping[str, Manifest],
    licences: Sequence[Licence],
) -> bytes:
    """Return the list: ragedge, each model with its files, the rows, and each other part, with digests and licences."""
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    terms = {licence.component: licence.licence for licence in licences}
    bom = Bom(serial_number=_serial(name, version, parts))
    bom.metadata.timestamp = _NO_TIME
    bom.metadata.component = Component(
        name=name, version=str(version), type=ComponentType.APPLICATION, bom_ref="bundle"
    )
    bom.components.add(
        Component(
            name="ragedge", version=__version__, type=ComponentType.LIBRARY, bom_ref="ragedge",
            licenses=_licences(_RAGEDGE_LICENCE),
        )
    )  # fmt: skip
    for model in models.values():
        files = [part for part in parts if part.path.startswith(f"models/{model.name}/")]
        bom.components.add(
            Component(
                name=model.name, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=f"model:{model.name}",
                version=model.fingerprint[:16], description=f"{model.architecture}, {model.quantization}",
                licenses=_licences(model.licence), components=[_file(part) for part in files],
            )
        )  # fmt: skip
    for part in parts:
        if part.kind != "model":
            licence = terms.get(part.path)
            bom.components.add(_file(part, licence))
    bom.register_dependency(
        bom.metadata.component, [one for one in bom.components if one.bom_ref.value != "bundle"]
    )
    text = JsonV1Dot6(bom).output_as_string(indent=1)
    return (text.rstrip() + "\n").encode()


def _file(part: Part, licence: str | None = None) -> Any:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    kind = ComponentType.DATA if part.kind == "rows" else ComponentType.FILE
    digest = HashType(alg=HashAlgorithm.SHA_256, content=part.sha256)
    return Component(
        name=part.path, type=kind, bom_ref=f"file:{part.path}", hashes=[digest],
        licenses=_licences(licence) if licence else None,
    )  # fmt: skip


def _licences(text: str) -> list[Any]:
    from cyclonedx.contrib.license.factories import LicenseFactory

    return [LicenseFactory().make_from_string(text)]


def _serial(name: str, version: int, parts: Sequence[Part]) -> uuid.UUID:
    said = "\n".join([name, str(version), *(f"{part.path} {part.sha256}" for part in parts)])
    return uuid.UUID(bytes=hashlib.sha256(said.encode()).digest()[:16], version=4)
